import { execFileSync } from 'node:child_process'
import { closeSync, copyFileSync, mkdirSync, openSync, readSync, rmSync, truncateSync, writeSync } from 'node:fs'
import { join } from 'node:path'
import { isBackupError } from '@holdfast/core'
import { toArray } from '@holdfast/testkit'
import { describe, expect, it } from 'vitest'
import { type ImageToWrite, writeImage } from './support/images.js'
import { call, capture, machineRoot } from './support/machines.js'
import { openFiles } from './support/open-files.js'

import { childPieces, pieces, sizeBytes, theDisk } from './support/sample-images.js'

describe('an image that cannot be used', () => {
  const child = (root: { readonly path: string }) => join(root.path, 'web', 'child.qcow2')
  /** A machine whose disk is a child of `web/parent.qcow2`. */
  async function machineWithChild(options: Partial<ImageToWrite> = {}) {
    const root = machineRoot()
    const parent = await writeImage(join(root.path, 'web', 'parent.qcow2'), { format: 'qcow2', sizeBytes, pieces })
    await writeImage(child(root), { format: 'qcow2', sizeBytes, pieces: childPieces, parent, ...options })
    root.json('web', { disks: [{ id: 'd', file: 'child.qcow2' }] })
    return { ...root, parent }
  }

  it.each<[what: string, damage: (root: { readonly path: string; readonly parent: string }) => void, reason: RegExp]>([
    ['is empty', (root) => truncateSync(child(root), 0), /child\.qcow2: it is no qcow2 image/],
    ['was cut', (root) => truncateSync(child(root), 60), /child\.qcow2: .*Restore the file from a good copy/],
    ['lacks its parent', ({ parent }) => rmSync(parent), /parent of .*child\.qcow2 is not there: parent\.qcow2/],
    [
      'has a folder for a parent',
      ({ parent }) => {
        rmSync(parent)
        mkdirSync(parent)
      },
      /needs .*parent\.qcow2, but it is a folder/,
    ],
    [
      'has a FIFO for a parent',
      ({ parent }) => {
        rmSync(parent)
        execFileSync('mkfifo', [parent])
      },
      /needs .*parent\.qcow2, but it is a FIFO/,
    ],
    ['has a broken parent', ({ parent }) => truncateSync(parent, 100), /parent\.qcow2/],
    [
      'is its own parent',
      (root) => {
        rmSync(root.parent)
        copyFileSync(child(root), root.parent)
      },
      /among its own parents/,
    ],
  ])('because it %s is unavailable, with its reason, and leaves nothing open', async (_what, damage, reason) => {
    const root = await machineWithChild()
    damage(root)
    const { unavailable, disks } = await capture(root.path, 'web')
    expect(disks).toEqual([])
    expect(unavailable).toEqual([{ id: 'd', reason: expect.stringMatching(reason) }])
    expect(openFiles(root.path)).toEqual([])
  })

  it('because its parent was changed since is unavailable', async () => {
    const root = machineRoot()
    const parent = await writeImage(join(root.path, 'web', 'parent.vmdk'), { format: 'vmdk', sizeBytes, pieces })
    await writeImage(join(root.path, 'web', 'child.vmdk'), { format: 'vmdk', sizeBytes, parent })
    rmSync(parent)
    await writeImage(parent, { format: 'vmdk', sizeBytes })
    root.json('web', { disks: [{ id: 'd', file: 'child.vmdk' }] })
    expect((await theDisk(root.path)).reason).toMatch(/parent\.vmdk.*was made from/)
  })

  it('says so without letting the image steer a terminal', async () => {
    const { unavailable } = await capture((await machineWithChild({ parentName: 'x\u001b[2J.qcow2' })).path, 'web')
    expect(unavailable).toEqual([{ id: 'd', reason: expect.stringMatching(/is not there: x\?\[2J\.qcow2/) }])
  })

  it.each(['../elsewhere/parent.qcow2', '/etc/passwd', '../../../../../../etc/passwd', '..'])(
    'because it names %j outside the folder is unavailable',
    async (parentName) => {
      const root = machineRoot()
      const parent = await writeImage(join(root.path, 'elsewhere', 'parent.qcow2'), {
        format: 'qcow2',
        sizeBytes,
        pieces,
      })
      await writeImage(join(root.path, 'web', 'disk.qcow2'), { format: 'qcow2', sizeBytes, parent, parentName })
      expect((await theDisk(root.path)).reason).toMatch(
        /below neither the machine's folder nor one of parentsIn; .*parentsIn/,
      )
    },
  )
})

describe('damage inside an image', () => {
  it('is an error that names disk and file, when it is come across', async () => {
    const root = machineRoot()
    const file = await writeImage(join(root.path, 'web', 'disk.qcow2'), { format: 'qcow2', sizeBytes, pieces })
    // The first entry of the first table leads nowhere.
    const header = Buffer.alloc(104)
    const fd = openSync(file, 'r+')
    readSync(fd, header, 0, 104, 0)
    writeSync(fd, Buffer.from('80000fffffff0000', 'hex'), 0, 8, Number(header.readBigUInt64BE(40)))
    closeSync(fd)
    const { disk } = await theDisk(root.path)
    const error: unknown = await disk.readInto(0, new Uint8Array(512), call).catch((caught: unknown) => caught)
    expect(isBackupError(error)).toBe(true)
    expect(error).toMatchObject({
      code: 'E_SOURCE_READ',
      plugin: 'image',
      context: { disk: 'disk', file },
      hint: expect.stringContaining('good copy'),
      cause: { code: 'corrupt' },
    })
    await expect(toArray(disk.extents(undefined, call))).rejects.toMatchObject({
      code: 'E_SOURCE_READ',
      context: { disk: 'disk' },
    })
  })
})
