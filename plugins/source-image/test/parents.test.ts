import { mkdirSync, symlinkSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { composed, writeImage } from './support/images.js'
import { machineRoot } from './support/machines.js'

import { childPieces, contentOf, pieces, sizeBytes, theDisk } from './support/sample-images.js'

describe('a parent outside the machine', () => {
  async function machineWithTemplate() {
    const root = machineRoot()
    const templates = machineRoot()
    const parent = await writeImage(join(templates.path, 'debian.qcow2'), { format: 'qcow2', sizeBytes, pieces })
    await writeImage(join(root.path, 'web', 'disk.qcow2'), { format: 'qcow2', sizeBytes, pieces: childPieces, parent })
    return { root, templates }
  }

  it('is reached in the folders that are listed, and in no other', async () => {
    const { root, templates } = await machineWithTemplate()
    const { disk } = await theDisk(root.path, { parentsIn: ['/nowhere', templates.path] })
    expect(Buffer.compare(await contentOf(disk), composed(sizeBytes, [...pieces, ...childPieces]))).toBe(0)
    expect((await theDisk(root.path, { parentsIn: [join(templates.path, 'deeper')] })).reason).toMatch(/parentsIn/)
  })

  it('is found from where a linked machine folder really is', async () => {
    const { root, templates } = await machineWithTemplate()
    const linked = machineRoot()
    symlinkSync(join(root.path, 'web'), join(linked.path, 'web'))
    const { disk } = await theDisk(linked.path, { parentsIn: [templates.path] })
    expect(disk.sizeBytes).toBe(sizeBytes)
  })

  it.each([true, false])('that a link leads to depends on followSymlinks (%j)', async (followSymlinks) => {
    const root = machineRoot()
    const elsewhere = machineRoot()
    const parent = await writeImage(join(elsewhere.path, 'base.qcow2'), { format: 'qcow2', sizeBytes, pieces })
    mkdirSync(join(root.path, 'web'))
    symlinkSync(parent, join(root.path, 'web', 'base.qcow2'))
    await writeImage(join(root.path, 'web', 'disk.qcow2'), {
      format: 'qcow2',
      sizeBytes,
      parent,
      parentName: 'base.qcow2',
    })
    root.json('web', { disks: [{ id: 'd', file: 'disk.qcow2' }] })
    const { disk, reason } = await theDisk(root.path, { followSymlinks })
    if (followSymlinks) expect(disk.sizeBytes).toBe(sizeBytes)
    else expect(reason).toMatch(/links out/)
    const listed = await theDisk(root.path, { followSymlinks, parentsIn: [elsewhere.path] })
    expect(listed.disk.sizeBytes).toBe(sizeBytes)
  })

  it('is looked for beside the image when its path is one of Windows', async () => {
    const root = machineRoot()
    const parent = await writeImage(join(root.path, 'web', 'base.vhdx'), { format: 'vhdx', sizeBytes, pieces })
    const parentName = 'D:\\Hyper-V\\base.vhdx'
    await writeImage(join(root.path, 'web', 'disk.avhdx'), { format: 'vhdx', sizeBytes, parent, parentName })
    const { disk } = await theDisk(root.path)
    expect(Buffer.compare(await contentOf(disk), composed(sizeBytes, pieces))).toBe(0)
  })

  it('is looked for beside the image when ESXi states a path of its own', async () => {
    const root = machineRoot()
    const parent = await writeImage(join(root.path, 'web', 'base.vmdk'), { format: 'vmdk', sizeBytes, pieces })
    const parentName = '/vmfs/volumes/5f3c/web/base.vmdk'
    await writeImage(join(root.path, 'web', 'disk.vmdk'), { format: 'vmdk', sizeBytes, parent, parentName })
    const { disk } = await theDisk(root.path)
    expect(Buffer.compare(await contentOf(disk), composed(sizeBytes, pieces))).toBe(0)
  })
})
