import { execFileSync } from 'node:child_process'
import { readFileSync, truncateSync, writeFileSync } from 'node:fs'
import { crc32 } from 'node:zlib'
import { run, runWith, skipsWithout, tempFolder } from 'holdfast-lab'
import { afterAll, describe, expect, it } from 'vitest'
import type { Partition } from '../src/partitions/partition.js'
import { partitionsOf } from '../src/partitions/partitions.js'
import { volumesOf } from '../src/volumes.js'
import { fileSource } from './support/file-source.js'
import { memorySource, unaborted } from './support/memory-source.js'

const mebibyte = 2 ** 20

interface Listed {
  readonly partitiontable: {
    readonly partitions?: readonly {
      node: string
      start: number
      size: number
      type: string
      name?: string
      uuid?: string
    }[]
  }
}

describe.skipIf(skipsWithout('fdisk', 'e2fsprogs', 'dosfstools'))('partitions', () => {
  const folder = tempFolder(afterAll)

  const disk = (script: string, sizeBytes = 64 * mebibyte): string => {
    const image = folder.at('disk')
    writeFileSync(image, '')
    truncateSync(image, sizeBytes)
    runWith(script, 'sfdisk', '-q', image)
    return image
  }
  const read = async (image: string): Promise<readonly Partition[]> => {
    await using source = await fileSource(image)
    return await partitionsOf(source, unaborted)
  }
  /** What sfdisk reads, without the extended partition, which is no partition of its own for us. */
  const listed = (image: string): unknown[] => {
    const json: Listed = JSON.parse(run('sfdisk', '--json', image))
    return (json.partitiontable.partitions ?? [])
      .filter(({ type }) => !['5', 'f', '85'].includes(type))
      .map(({ node, start, size, type, name, uuid }) => ({
        index: Number(/(\d+)$/.exec(node)?.[1]),
        offset: start * 512,
        sizeBytes: size * 512,
        type: type.toLowerCase().padStart(2, '0'),
        ...(uuid !== undefined && { name: name ?? '', uuid: uuid.toLowerCase() }),
      }))
  }
  const withoutTable = (partitions: readonly Partition[]) => partitions.map(({ table: _table, ...rest }) => rest)

  const scripts: Readonly<Record<string, string>> = {
    'an MBR with primary partitions': 'label: dos\nsize=1M, type=83\nsize=2M, type=7, bootable\nsize=3M, type=c\n',
    'an MBR with a gap': 'label: dos\n2: start=8192, size=4096, type=83\n4: start=16384, size=4096, type=82\n',
    'an MBR with logical partitions':
      'label: dos\n1: size=1M, type=83\n3: type=f\n5: size=1M, type=83\n6: size=2M, type=7\n7: size=3M, type=83\n8: size=1M\n',
    'an MBR with one type for extended partitions of Linux': 'label: dos\n1: type=85\n5: size=1M\n6: size=1M\n',
    'an empty MBR': 'label: dos\n',
    'a GPT': 'label: gpt\nsize=1M, type=uefi, name="EFI system"\nsize=2M, type=linux, name="Größe"\nsize=3M\n',
    'a GPT with a gap': 'label: gpt\n3: size=1M\n100: size=1M\n',
    'a GPT with few entries': 'label: gpt\ntable-length: 4\nsize=1M\n',
    'an empty GPT': 'label: gpt\n',
  }
  it.each(Object.entries(scripts))('are read as sfdisk does: %s', async (_name, script) => {
    const image = disk(script, 16 * mebibyte)
    const found = await partitionsOf(memorySource(new Uint8Array(readFileSync(image))), unaborted)
    expect(withoutTable(found)).toEqual(listed(image))
    expect(found.every(({ table }) => table === (script.includes('gpt') ? 'gpt' : 'mbr'))).toBe(true)
  })

  it.each(Object.entries(scripts))('are found on disks with sectors of 4 KiB: %s', async (_name, script) => {
    const image = disk(script, 16 * mebibyte)
    const small = await partitionsOf(memorySource(new Uint8Array(readFileSync(image))), unaborted)
    const large = memorySource(stretched(new Uint8Array(readFileSync(image)), script.includes('gpt')))
    expect(await partitionsOf(large, { ...unaborted, sectorBytes: 4096 })).toEqual(
      small.map(({ offset, sizeBytes, ...rest }) => ({ ...rest, offset: offset * 8, sizeBytes: sizeBytes * 8 })),
    )
  })

  it('of a disk whose size is no whole number of sectors are found', async () => {
    const image = disk('label: gpt\nsize=1M\n')
    truncateSync(image, 64 * mebibyte + 100)
    expect(await read(image)).toHaveLength(1)
  })

  it.each([
    ['the header at the start', 512],
    ['its checksum', 512 + 20],
    ['the table at the start', 1024 + 40],
  ])('come from the end of the disk when %s is damaged', async (_what, at) => {
    const image = disk('label: gpt\nsize=1M\nsize=2M\n')
    const whole = await read(image)
    const bytes = new Uint8Array(readFileSync(image))
    bytes[at] = (bytes[at] ?? 0) ^ 0xff
    expect(await partitionsOf(memorySource(bytes), unaborted)).toEqual(whole)
    const end = bytes.byteLength - 512
    bytes[end + 60] = (bytes[end + 60] ?? 0) ^ 0xff
    await expect(partitionsOf(memorySource(bytes), unaborted)).rejects.toMatchObject({ code: 'damaged' })
  })

  it('refuse lies of a GPT whose checksums are right', async () => {
    const image = disk('label: gpt\nsize=1M\n')
    const whole = new Uint8Array(readFileSync(image))
    whole.fill(0, whole.byteLength - 512)
    for (const [at, value] of [
      [512 + 12, 20], // size of the header
      [512 + 12, 4096],
      [512 + 24, 7], // where it is
      [512 + 72, 2 ** 31], // where its table is
      [512 + 80, 2 ** 31], // entries
      [512 + 84, 0], // bytes of an entry
      [512 + 84, 2 ** 31],
    ] as const) {
      const bytes = new Uint8Array(whole)
      const view = new DataView(bytes.buffer)
      view.setUint32(at, value, true)
      view.setUint32(512 + 16, 0, true)
      view.setUint32(512 + 16, crc32(bytes.subarray(512, 512 + Math.min(view.getUint32(512 + 12, true), 512))), true)
      await expect(partitionsOf(memorySource(bytes), unaborted)).rejects.toMatchObject({
        code: expect.stringMatching(/damaged|limit/),
      })
    }
  })

  it('in a circle are refused, as are those of a chain that leads nowhere', async () => {
    const image = disk('label: dos\n1: type=f\n5: size=1M\n6: size=1M\n7: size=1M\n')
    const bytes = new Uint8Array(readFileSync(image))
    expect(await partitionsOf(memorySource(bytes), unaborted)).toHaveLength(3)
    const view = new DataView(bytes.buffer)
    const extended = view.getUint32(446 + 8, true)
    const linkOf = (record: number) => (extended + record) * 512 + 462 + 8
    const second = view.getUint32(linkOf(0), true)
    const third = view.getUint32(linkOf(second), true)
    const link = third * 512 + extended * 512 + 462
    bytes.set(bytes.subarray(linkOf(second) - 8, linkOf(second) + 8), link)
    for (const [place, message] of [
      [second, /circle/],
      [2 ** 31, /not within/],
      [third + 1, /signature/],
    ] as const) {
      view.setUint32(link + 8, place, true)
      const refused = expect.objectContaining({ code: 'damaged', message: expect.stringMatching(message) })
      await expect(partitionsOf(memorySource(bytes), unaborted)).rejects.toEqual(refused)
    }
  })

  it('that are not there are refused', async () => {
    for (const bytes of [new Uint8Array(0), new Uint8Array(511), new Uint8Array(4096)])
      await expect(partitionsOf(memorySource(bytes), unaborted)).rejects.toMatchObject({ code: 'unrecognised' })
  })

  it('are listed with what they hold', async () => {
    const image = disk('label: gpt\nsize=8M, name=first\nsize=8M\nsize=8M\n')
    run('mkfs.vfat', '--offset', '2048', image, '8192')
    run('mkfs.ext4', '-q', '-F', '-E', `offset=${9 * mebibyte}`, image, '8M')
    await using source = await fileSource(image)
    const volumes = await volumesOf(source, unaborted)
    expect(volumes.map(({ partition, content }) => [partition?.index, partition?.name, content])).toEqual([
      [1, 'first', { is: 'filesystem', kind: 'fat' }],
      [2, '', { is: 'filesystem', kind: 'ext' }],
      [3, '', { is: 'unknown' }],
    ])
  })

  it('that lie outside of the disk do not hide the others', async () => {
    const image = disk('label: dos\nsize=8M\nsize=40M\n')
    run('mkfs.vfat', '--offset', '2048', image, '8192')
    truncateSync(image, 16 * mebibyte)
    await using source = await fileSource(image)
    const [first, second] = await volumesOf(source, unaborted)
    expect(first?.content).toEqual({ is: 'filesystem', kind: 'fat' })
    expect(second?.content).toMatchObject({ is: 'problem', error: { code: 'damaged' } })
    expect(() => second?.source()).toThrow(expect.objectContaining({ code: 'damaged' }))
  })

  it.each([
    ['FAT', 'fat', (image: string) => run('mkfs.vfat', '-I', image)],
    [
      'FAT with a table of partitions that stands for itself',
      'fat',
      (image: string) => run('mkfs.vfat', '--mbr=y', image),
    ],
    ['ext4', 'ext', (image: string) => run('mkfs.ext4', '-q', '-F', image)],
  ])('are not seen in a disk that is %s as a whole', async (_name, kind, format) => {
    const image = disk('label: dos\nsize=8M\n')
    format(image)
    await using source = await fileSource(image)
    const volumes = await volumesOf(source, unaborted)
    expect(volumes).toMatchObject([{ content: { is: 'filesystem', kind } }])
    expect(volumes[0]).not.toHaveProperty('partition')
  })

  it('win over an ext file system that was there before them', async () => {
    const image = disk('label: dos\n')
    run('mkfs.ext4', '-q', '-F', image)
    execFileSync('sfdisk', ['-q', '--wipe', 'never', image], {
      input: 'label: dos\nsize=8M\n',
      stdio: ['pipe', 'pipe', 'pipe'],
    })
    await using source = await fileSource(image)
    expect(await volumesOf(source, unaborted)).toMatchObject([{ partition: { index: 1 }, content: { is: 'unknown' } }])
  })

  it('of a disk that is empty are the disk', async () => {
    const source = memorySource(new Uint8Array(mebibyte))
    expect(await volumesOf(source, unaborted)).toMatchObject([{ content: { is: 'unknown' } }])
  })
})

/** The same disk with sectors of 4 KiB: each table where its number says, in larger sectors. */
function stretched(disk: Uint8Array, isGpt: boolean): Uint8Array {
  const large = new Uint8Array(disk.byteLength * 8)
  const sectors = disk.byteLength / 512
  for (let i = 0; i < sectors; i++) large.set(disk.subarray(i * 512, (i + 1) * 512), i * 4096)
  if (!isGpt) return large
  // A table is one piece, whatever the sectors.
  for (const first of [2, sectors - 33]) {
    large.fill(0, first * 4096, (first + 32) * 4096)
    large.set(disk.subarray(first * 512, (first + 32) * 512), first * 4096)
  }
  return large
}
