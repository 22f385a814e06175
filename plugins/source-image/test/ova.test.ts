import { rmSync, statSync, utimesSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { ChangeToken } from '@holdfast/core'
import { toArray } from '@holdfast/testkit'
import { describe, expect, it } from 'vitest'
import { contentOfFile, ovf, writeOva } from './support/descriptions.js'
import { composed, writeImage } from './support/images.js'
import { call, capture, filled, machineRoot, only, openSource, refOf, tokens } from './support/machines.js'
import { folderAndOpenFiles } from './support/open-files.js'
import { contentOf, pieces, sizeBytes } from './support/sample-images.js'

/** An OVA with a machine of two disks: a VMDK as products pack it, and a raw one. */
async function ovaIn(root: ReturnType<typeof machineRoot>, file = 'web.ova') {
  const image = await writeImage(join(root.folder('.work'), 'web-disk1.vmdk'), {
    format: 'vmdk',
    kind: 'streamOptimized',
    sizeBytes,
    pieces,
  })
  const raw = filled(10_000)
  root.folder(file.split('/').slice(0, -1).join('/'))
  const path = writeOva(join(root.path, file), {
    'web.ovf': ovf(
      [
        { name: 'web', disks: ['d1'] },
        { name: 'db', disks: ['d2'] },
      ],
      { d1: './web-disk1.vmdk', d2: 'db.img' },
    ).replaceAll(/(diskId="d2".*?)ovf:format="[^"]*"/g, '$1ovf:format="urn:raw"'),
    // Digests that are wrong: they are not verified here.
    'web.mf': `SHA256(web-disk1.vmdk)= ${'0'.repeat(64)}\n`,
    'web-disk1.vmdk': contentOfFile(image),
    'db.img': raw,
  })
  rmSync(join(root.path, '.work'), { recursive: true })
  return { path, raw }
}

describe('an OVA', () => {
  it.each(['web.ova', 'folder/web.ova'])('is read in place: %s', async (file) => {
    const root = machineRoot()
    const { raw } = await ovaIn(root, file)
    const before = await folderAndOpenFiles(root.path)
    const web = await capture(root.path, 'web')
    expect(web.machine).toMatchObject({ cpus: 2, disks: [{ id: 'd1', sizeBytes, bus: 'sata' }] })
    expect(web.machine.native?.text).toContain('VirtualSystemCollection')
    expect(Buffer.compare(await contentOf(web.disks[0]!), composed(sizeBytes, pieces))).toBe(0)
    const data = only('data', await toArray(web.disks[0]!.extents(undefined, call)))
    expect(data.reduce((sum, [, length]) => sum + length, 0)).toBeLessThan(sizeBytes)
    const db = await capture(root.path, 'db')
    expect(Buffer.compare(await contentOf(db.disks[0]!), raw)).toBe(0)
    await web[Symbol.asyncDispose]()
    await db[Symbol.asyncDispose]()
    expect(await folderAndOpenFiles(root.path)).toEqual(before)
  })

  it('is untouched as long as its file is', async () => {
    const root = machineRoot()
    const { path } = await ovaIn(root)
    utimesSync(path, 1e9, 1e9)
    const first = await capture(root.path, 'web')
    const token = first.disks[0]?.changeToken
    // Stamps of the change time are fresh: wait until they are firm.
    expect(token).toBeDefined()
    const second = await capture(root.path, 'web', { d1: token as ChangeToken })
    expect(second.disks[0]?.tracking).toMatchObject({ mode: 'incremental', reason: expect.stringMatching(/untouched/) })
    expect(await toArray(second.disks[0]!.extents(token, call))).toEqual([])
    utimesSync(path, 2e9, 2e9)
    const third = await capture(root.path, 'web', { d1: token as ChangeToken })
    expect(third.disks[0]?.tracking.mode).toBe('full')
  })

  it('that changes while it is read is not read any more', async () => {
    const root = machineRoot()
    const { path } = await ovaIn(root)
    const { disks } = await capture(root.path, 'web')
    utimesSync(path, 1e9, 1e9)
    await expect(contentOf(disks[0]!)).rejects.toMatchObject({
      code: 'E_SOURCE_READ',
      message: expect.stringContaining(path),
    })
  })

  it('that is replaced after prepare is taken as it is then', async () => {
    const root = machineRoot()
    const { path } = await ovaIn(root)
    const session = await openSource(root.path)
    const prepared = await session.prepare(await refOf(session, 'web'), { previous: tokens({}) }, call)
    const size = statSync(path).size
    const other = await writeImage(join(root.folder('.work'), 'other.vmdk'), {
      format: 'vmdk',
      kind: 'streamOptimized',
      sizeBytes: 1 << 20,
    })
    writeOva(path, {
      'other.ovf': ovf([{ name: 'web', disks: ['d9'] }], { d9: 'a.vmdk' }),
      'pad.bin': filled(70_000),
      'a.vmdk': contentOfFile(other),
    })
    expect(statSync(path).size).not.toBe(size)
    await using taken = await prepared.take(call)
    expect(taken.disks.map((disk) => [disk.id, disk.sizeBytes])).toEqual([['d9', 1 << 20]])
  })

  it.each([
    [
      'a file that is not in it',
      { 'web.ovf': ovf([{ name: 'web', disks: ['d'] }], { d: 'gone.vmdk' }) },
      /holds no such file/,
    ],
    [
      'a file beside it',
      { 'web.ovf': ovf([{ name: 'web', disks: ['d'] }], { d: '../beside.vmdk' }) },
      /holds no such file/,
    ],
    [
      'a disk that is none',
      { 'web.ovf': ovf([{ name: 'web', disks: ['d'] }], { d: 'd.vmdk' }), 'd.vmdk': filled(100) },
      /vmdk/i,
    ],
  ])('with %s lacks that disk', async (_what, contents, reason) => {
    const root = machineRoot()
    await writeImage(join(root.path, 'w', 'beside.vmdk'), { format: 'vmdk', sizeBytes })
    writeOva(join(root.path, 'w', 'web.ova'), contents)
    const { disks, unavailable } = await capture(root.path, 'web')
    expect(disks).toEqual([])
    expect(unavailable).toEqual([{ id: 'd', reason: expect.stringMatching(reason) }])
  })

  it('has no image that names files beside it', async () => {
    const root = machineRoot()
    const parent = await writeImage(join(root.path, 'w', 'base.qcow2'), { format: 'qcow2', sizeBytes, pieces })
    const child = await writeImage(join(root.path, '.work', 'child.qcow2'), {
      format: 'qcow2',
      sizeBytes,
      parent,
      parentName: parent,
    })
    writeOva(join(root.path, 'w', 'web.ova'), {
      'web.ovf': ovf([{ name: 'web', disks: ['d'] }], { d: 'child.qcow2' }, { format: 'qcow2' }),
      'child.qcow2': new Uint8Array(await readFile(child)),
    })
    expect((await capture(root.path, 'web')).unavailable[0]?.reason).toMatch(/has to stand alone/)
  })
})
