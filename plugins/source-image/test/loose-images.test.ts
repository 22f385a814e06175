import {
  copyFileSync,
  mkdirSync,
  readdirSync,
  renameSync,
  rmSync,
  symlinkSync,
  truncateSync,
  utimesSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import type { MachineRef } from '@holdfast/core'
import { toArray } from '@holdfast/testkit'
import { describe, expect, it } from 'vitest'
import { type ImageToWrite, writeImage } from './support/images.js'
import { call, capture, filled, machineRoot, openSource, tokens, warnings } from './support/machines.js'
import { openFiles } from './support/open-files.js'

const sizeBytes = 256 * 1024
const formats: Readonly<Record<string, ImageToWrite['format']>> = {
  raw: 'raw',
  img: 'raw',
  vmdk: 'vmdk',
  vhd: 'vhd',
  avhd: 'vhd',
  vhdx: 'vhdx',
  avhdx: 'vhdx',
}

/** A machine of images, each given as `child < parent`; the ones that come first are made first. */
async function machineOf(images: readonly string[], options: Partial<ImageToWrite> = {}) {
  const root = machineRoot()
  const folder = root.folder('web')
  for (const [seed, image] of images.entries()) {
    const [name = '', parent] = image.split(' < ')
    await writeImage(join(folder, name), {
      format: formats[name.split('.').at(-1) ?? ''] ?? 'qcow2',
      sizeBytes,
      pieces: [[seed * 512, filled(512, seed)]],
      ...(parent !== undefined && { parent: join(folder, parent) }),
      ...options,
    })
  }
  return { ...root, folder }
}

async function disksOf(root: { readonly path: string }) {
  const { disks, unavailable, machine } = await capture(root.path, 'web')
  expect(machine.disks.map(({ id }) => id).sort()).toEqual([...disks, ...unavailable].map(({ id }) => id).sort())
  return { captured: disks.map(({ id }) => id), unavailable }
}

describe('the disks of a folder that nobody describes', () => {
  it.each<[what: string, images: readonly string[], ids: readonly string[]]>([
    [
      'images of all formats',
      ['a.raw', 'b.IMG', 'c.vmdk', 'd.vhd', 'e.vhdx', 'f.qcow2'],
      ['a', 'b', 'c', 'd', 'e', 'f'],
    ],
    [
      'a disk with snapshots of VMware',
      ['web.vmdk', 'web-000001.vmdk < web.vmdk', 'web-000002.vmdk < web-000001.vmdk'],
      ['web'],
    ],
    ['a disk with a checkpoint of Hyper-V', ['root.vhdx', 'root_8F3A-11.avhdx < root.vhdx'], ['root']],
    ['an old disk with a checkpoint of Hyper-V', ['root.vhd', 'root_8F3A-11.avhd < root.vhd'], ['root']],
    [
      'a disk with external snapshots of libvirt',
      ['web.qcow2', 'web.snap1 < web.qcow2', 'web.monday < web.snap1'],
      ['web'],
    ],
    ['a raw disk with an external snapshot', ['web.img', 'web.snap1 < web.img'], ['web']],
    ['a snapshot under a name of its own', ['web.qcow2', '1a2b3c < web.qcow2'], ['web']],
    ['two disks with a snapshot each', ['a.qcow2', 'b.qcow2', 'a.s1 < a.qcow2', 'b.s1 < b.qcow2'], ['a', 'b']],
    [
      'clones of one template, which is no disk',
      ['base.qcow2', 'a.qcow2 < base.qcow2', 'b.qcow2 < base.qcow2'],
      ['a', 'b'],
    ],
    [
      'a clone with a snapshot, beside another clone',
      ['base.qcow2', 'a.qcow2 < base.qcow2', 'b.qcow2 < base.qcow2', 'a.s1 < a.qcow2'],
      ['a', 'b'],
    ],
    ['one clone of a template', ['base.qcow2', 'a.qcow2 < base.qcow2'], ['base']],
  ])('are for %s', async (_what, images, ids) => {
    expect(await disksOf(await machineOf(images))).toEqual({ captured: ids, unavailable: [] })
  })

  it('do not depend on which file was written to last', async () => {
    const root = await machineOf(['web.qcow2', 'web.snap1 < web.qcow2', 'web.snap2 < web.snap1'])
    for (const [age, name] of ['web.snap2', 'web.snap1', 'web.qcow2'].entries())
      utimesSync(join(root.folder, name), 1000 + age, 1000 + age)
    expect(await disksOf(root)).toEqual({ captured: ['web'], unavailable: [] })
  })

  it.each(['monolithicFlat', 'twoGbMaxExtentFlat', 'twoGbMaxExtentSparse', 'vmfs'] as const)(
    'are descriptors, not the extents beside them (%s)',
    async (kind) => {
      const root = await machineOf(['web.vmdk'], { kind })
      expect(readdirSync(root.folder).length).toBeGreaterThan(1)
      expect(await disksOf(root)).toEqual({ captured: ['web'], unavailable: [] })
    },
  )

  it('are not what VMware tracks changes in, as long as the disk is there', async () => {
    const root = await machineOf(['web.vmdk'])
    root.file('web/web-ctk.vmdk', 'changes')
    root.file('web/other-ctk.vmdk', 'changes')
    expect(await disksOf(root)).toEqual({
      captured: ['web'],
      unavailable: [{ id: 'other-ctk', reason: expect.stringContaining('no vmdk image') }],
    })
  })

  it("are not images under other names that are nobody's children", async () => {
    const root = await machineOf(['web.qcow2', 'web.qcow2.bak', 'copy.old < web.qcow2.bak'])
    root.file('web/.hidden.qcow2', 'x')
    root.file('web/notes.txt', 'x')
    expect(await disksOf(root)).toEqual({ captured: ['web'], unavailable: [] })
  })

  it('keep a raw disk that a guest makes look like an image', async () => {
    const root = await machineOf(['other.qcow2'])
    // Were it believed, other.qcow2 would count as its parent and be left out.
    await writeImage(join(root.folder, 'x'), { format: 'qcow2', sizeBytes, parent: join(root.folder, 'other.qcow2') })
    renameSync(join(root.folder, 'x'), join(root.folder, 'disk.raw'))
    copyFileSync(join(root.folder, 'disk.raw'), join(root.folder, 'more-flat.vmdk'))
    expect(await disksOf(root)).toEqual({
      captured: ['disk', 'other'],
      unavailable: [{ id: 'more-flat', reason: expect.stringContaining('without its descriptor') }],
    })
  })
})

describe('an image in a folder that is broken', () => {
  it.each<[what: string, name: string]>([
    ['that promises to be one', 'web.snapshot.qcow2'],
    ['by its bytes', 'web.snapshot'],
  ])('is listed as a disk %s, never left out', async (_what, name) => {
    const root = await machineOf(['web.qcow2', `${name} < web.qcow2`])
    truncateSync(join(root.folder, name), 50)
    const { captured, unavailable } = await disksOf(root)
    const id = name.replace(/\.[^.]*$/, '')
    expect(unavailable).toEqual([{ id, reason: expect.stringContaining(name) }])
    // Of a child that its name alone tells, the parent is half the disk.
    expect(captured).toEqual(id === 'web' ? [] : ['web'])
  })

  it('takes its parent with it: half a chain is no disk', async () => {
    const root = await machineOf(['web.vmdk', 'web-000001.vmdk < web.vmdk', 'web-000002.vmdk < web-000001.vmdk'])
    rmSync(join(root.folder, 'web.vmdk'))
    const { captured, unavailable } = await disksOf(root)
    expect(captured).toEqual([])
    expect(unavailable).toEqual([
      { id: 'web-000002', reason: expect.stringMatching(/parent of .* is not there: web\.vmdk/) },
    ])
  })

  it.each<[what: string, make: (path: string) => void, reason: RegExp]>([
    ['a folder', (path) => mkdirSync(path), /a folder/],
    ['a dangling link', (path) => symlinkSync('/nowhere', path), /no such file/],
    ['empty', (path) => writeFileSync(path, ''), /no qcow2 image/],
  ])('because it is %s is listed', async (_what, make, reason) => {
    const root = await machineOf(['a.raw'])
    make(join(root.folder, 'b.qcow2'))
    const { captured, unavailable } = await disksOf(root)
    expect(captured).toEqual(['a'])
    expect(unavailable).toEqual([{ id: 'b', reason: expect.stringMatching(reason) }])
  })
})

describe('finding loose images', () => {
  const prepare = async (path: string) => {
    const session = await openSource(path)
    return session.prepare({ id: 'web', name: 'web' } as MachineRef, { previous: tokens({}) }, call)
  }

  it('is done anew when the capture is taken: a hook may have made a snapshot', async () => {
    const root = await machineOf(['web.qcow2'])
    const prepared = await prepare(root.path)
    const parent = join(root.folder, 'web.qcow2')
    await writeImage(join(root.folder, 'web.snap1'), {
      format: 'qcow2',
      sizeBytes,
      pieces: [[0, filled(512, 77)]],
      parent,
    })
    await using taken = await prepared.take(call)
    const bytes = new Uint8Array(512)
    await taken.disks[0]?.readInto(0, bytes, call)
    expect(bytes).toEqual(filled(512, 77))
  })

  it('leaves nothing open', async () => {
    const root = await machineOf(['web.vmdk', 'web-000001.vmdk < web.vmdk', 'broken.qcow2', 'x < web.vmdk'])
    truncateSync(join(root.folder, 'broken.qcow2'), 50)
    await prepare(root.path)
    expect(openFiles(root.path)).toEqual([])
  })

  it.each([
    [['a.vmdk', 'a.qcow2'], /a\.qcow2 and a\.vmdk/],
    [['web.qcow2', 'web.one < web.qcow2', 'web.two < web.qcow2'], /web\.one and web\.two/],
  ])('fails before anything is frozen when two images would be one disk: %j', async (images, message) => {
    const root = await machineOf(images)
    await expect(prepare(root.path)).rejects.toMatchObject({
      code: 'E_SOURCE_INVALID',
      message: expect.stringMatching(message),
      hint: expect.stringContaining('machine.json'),
    })
  })

  it('is not done by discovery, which opens no image', async () => {
    const root = await machineOf(['a.vmdk', 'a.qcow2'])
    const session = await openSource(root.path)
    expect(await toArray(session.discover({}, call))).toEqual([{ id: 'web', name: 'web' }])
    expect(warnings).toEqual([])
  })

  it.each(['a.vmdk', 'a.vhd', 'a.vhdx', 'a.avhdx', 'a.qcow2'])('makes a machine of a folder with %s', async (name) => {
    const root = machineRoot()
    root.file(`web/${name}`)
    const session = await openSource(root.path)
    expect(await toArray(session.discover({}, call))).toEqual([{ id: 'web', name: 'web' }])
  })
})
