import { readFileSync, renameSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { toArray } from '@holdfast/testkit'
import { describe, expect, it } from 'vitest'
import { composed, type ImageToWrite, kib, mib, writeImage } from './support/images.js'
import { call, capture, filled, machineRoot, only, type Piece } from './support/machines.js'
import { openFiles } from './support/open-files.js'

import { childPieces, contentOf, pieces, sizeBytes, theDisk } from './support/sample-images.js'

describe('an image', () => {
  it.each<[what: string, file: string, image: Partial<ImageToWrite> & Pick<ImageToWrite, 'format'>]>([
    ['raw', 'disk.img', { format: 'raw' }],
    ['qcow2', 'disk.qcow2', { format: 'qcow2' }],
    ['VMDK of one file', 'disk.vmdk', { format: 'vmdk', kind: 'monolithicSparse' }],
    ['VMDK of a descriptor and a flat extent', 'disk.vmdk', { format: 'vmdk', kind: 'monolithicFlat' }],
    ['VMDK split into sparse extents', 'disk.vmdk', { format: 'vmdk', kind: 'twoGbMaxExtentSparse' }],
    ['VMDK split into flat extents', 'disk.vmdk', { format: 'vmdk', kind: 'twoGbMaxExtentFlat' }],
    ['VMDK of ESXi', 'disk.vmdk', { format: 'vmdk', kind: 'vmfs' }],
    ['VMDK of an OVA', 'disk.vmdk', { format: 'vmdk', kind: 'streamOptimized' }],
    ['fixed VHD', 'disk.vhd', { format: 'vhd', variant: 'fixed' }],
    ['dynamic VHD', 'disk.vhd', { format: 'vhd' }],
    ['fixed VHDX', 'disk.vhdx', { format: 'vhdx', variant: 'fixed' }],
    ['dynamic VHDX', 'disk.vhdx', { format: 'vhdx' }],
  ])('that is %s is a disk, with its holes', async (_what, file, image) => {
    const root = machineRoot()
    await writeImage(join(root.path, 'web', file), { sizeBytes, pieces, ...image })
    const { machine, disks, unavailable } = await capture(root.path, 'web')
    expect(unavailable).toEqual([])
    expect(machine.disks).toEqual([{ id: 'disk', sizeBytes }])
    expect(Buffer.compare(await contentOf(disks[0]!), composed(sizeBytes, pieces))).toBe(0)
    const extents = await toArray(disks[0]!.extents(undefined, call))
    expect(extents.reduce((end, { offset, length }) => (offset === end ? end + length : Number.NaN), 0)).toBe(sizeBytes)
    if (image.variant !== 'fixed')
      expect(only('data', extents).reduce((sum, [, length]) => sum + length, 0)).toBeLessThan(sizeBytes)
  })

  it.each(['qcow2', 'vmdk', 'vhd', 'vhdx'] as const)(
    'of format %s shows its parent where it holds nothing',
    async (format) => {
      const root = machineRoot()
      const parent = await writeImage(join(root.path, 'web', `disk.${format}`), { format, sizeBytes, pieces })
      const child = join(root.path, 'web', `child.${format}`)
      await writeImage(child, { format, sizeBytes, pieces: childPieces, parent })
      root.json('web', { disks: [{ id: 'd', file: `child.${format}` }] })
      const { disk } = await theDisk(root.path)
      expect(disk.id).toBe('d')
      expect(Buffer.compare(await contentOf(disk), composed(sizeBytes, [...pieces, ...childPieces]))).toBe(0)
      expect(openFiles(root.path)).toHaveLength(2)
      const part = new Uint8Array(40 * kib)
      await disk.readInto(50 * kib, part, call)
      expect(Buffer.compare(part, composed(sizeBytes, [...pieces, ...childPieces]).subarray(50 * kib, 90 * kib))).toBe(
        0,
      )
    },
  )

  it('is read in one call of any length', async () => {
    const root = machineRoot()
    const large = 20 * mib
    const spots: readonly Piece[] = [5, 9, 12, 19].map((at) => [at * mib, filled(1000, at)])
    await writeImage(join(root.path, 'web', 'disk.qcow2'), { format: 'qcow2', sizeBytes: large, pieces: spots })
    const { disk } = await theDisk(root.path)
    expect(Buffer.compare(await contentOf(disk), composed(large, spots))).toBe(0)
  })

  it.each(['disk.raw', 'disk-flat.vmdk'])('may lie over %s, whatever a guest wrote to its start', async (name) => {
    const root = machineRoot()
    const parent = await writeImage(join(root.path, 'web', 'x.qcow2'), { format: 'qcow2', sizeBytes: mib })
    const image = { format: 'qcow2', sizeBytes, parent, parentName: name } as const
    const child = await writeImage(join(root.path, 'web', 'child.qcow2'), image)
    renameSync(parent, join(root.path, 'web', name))
    root.json('web', { disks: [{ id: 'd', file: 'child.qcow2' }] })
    const startOf = async () => {
      const start = new Uint8Array(4)
      await (await theDisk(root.path)).disk.readInto(0, start, call)
      return Buffer.from(start).toString('latin1')
    }
    // The writer was told that the parent is a qcow2 image, and says so. A child that does not say has the name decide.
    expect(await startOf()).toBe('\0\0\0\0')
    const bytes = readFileSync(child)
    bytes.writeUInt32BE(0x0bad_cafe, bytes.indexOf(Buffer.from('e2792aca', 'hex')))
    writeFileSync(child, bytes)
    expect(await startOf()).toBe('QFI\xfb')
  })
})

describe('the format of an image', () => {
  const header = 'QFI\xfb'
  const startOf = async (root: string) => {
    const { disk, reason } = await theDisk(root)
    if (reason !== undefined) return reason
    const start = new Uint8Array(4)
    await disk.readInto(0, start, call)
    return Buffer.from(start).toString('latin1')
  }

  it.each<[what: string, file: string, format: string | undefined, outcome: string | RegExp]>([
    ['raw by its name, whatever its bytes say', 'disk.raw', undefined, header],
    ['raw by its name in capitals', 'disk.IMG', undefined, header],
    ['raw because somebody says so', 'disk.qcow2', 'raw', header],
    ['what somebody says, whatever its name', 'disk.img', 'qcow2', '\0\0\0\0'],
    ['what its bytes say, when its name promises an image', 'disk.vmdk', undefined, '\0\0\0\0'],
    ['unclear when a guest may have written its bytes', 'disk', undefined, /looks like qcow2.*state its format/],
    ['unclear when it is an extent without a descriptor', 'disk-flat.vmdk', undefined, /extent without its descriptor/],
    ['unclear when it is another extent without a descriptor', 'disk-f001.vmdk', undefined, /without its descriptor/],
    ['wrong', 'disk.qcow2', 'vhdx', /disk\.qcow2: /],
  ])('is %s', async (_what, file, format, outcome) => {
    const root = machineRoot()
    await writeImage(join(root.path, 'web', file), { format: 'qcow2', sizeBytes: mib })
    root.json('web', { disks: [{ id: 'd', file, ...(format && { format }) }] })
    expect(await startOf(root.path)).toEqual(typeof outcome === 'string' ? outcome : expect.stringMatching(outcome))
  })

  it('is that of the file which a link leads to, when that is raw', async () => {
    const root = machineRoot()
    await writeImage(join(root.path, 'web', 'volume.raw'), { format: 'qcow2', sizeBytes: mib })
    symlinkSync('volume.raw', join(root.path, 'web', 'disk.qcow2'))
    root.json('web', { disks: [{ id: 'd', file: 'disk.qcow2' }] })
    expect(await startOf(root.path)).toBe(header)
  })

  it('is raw for plain bytes under a name that promises nothing', async () => {
    const root = machineRoot()
    root.file('web/volume', filled(1000))
    root.json('web', { disks: [{ id: 'd', file: 'volume' }] })
    const { disk } = await theDisk(root.path)
    expect(await contentOf(disk)).toEqual(filled(1000))
  })
})
