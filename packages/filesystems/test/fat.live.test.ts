import { mkdirSync, readdirSync, readFileSync, truncateSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { run, skipsWithout, tempFolder } from 'holdfast-lab'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { openFat } from '../src/fat/fat.js'
import { fileSource } from './support/file-source.js'
import { memorySource, unaborted } from './support/memory-source.js'
import { digestOf, makeTree, modifiedAt, patterned } from './support/sample-tree.js'
import { digestOfFile, type Snap, snapshot, snapshotOfFolder } from './support/snapshot.js'
import { toArray } from './support/to-array.js'

interface Kind {
  readonly megabytes: number
  readonly options: readonly string[]
}

/** Kinds of FAT, by the options that make them. */
const kinds: Readonly<Record<string, Kind>> = {
  'FAT12 with one table': { megabytes: 16, options: ['-F', '12', '-f', '1'] },
  'FAT12 with sectors of 4 KiB': { megabytes: 100, options: ['-F', '12', '-S', '4096', '-s', '8'] },
  FAT16: { megabytes: 60, options: ['-F', '16'] },
  'FAT16 with clusters of 64 KiB': { megabytes: 512, options: ['-F', '16', '-s', '128'] },
  'FAT16 with a large root': { megabytes: 60, options: ['-F', '16', '-r', '4096'] },
  'FAT32 with clusters of 1 KiB': { megabytes: 80, options: ['-F', '32', '-s', '2'] },
  'FAT32 with sectors of 4 KiB': { megabytes: 512, options: ['-F', '32', '-S', '4096'] },
  'FAT32 with clusters of 32 KiB': { megabytes: 2500, options: ['-F', '32', '-s', '64'] },
}

describe.skipIf(skipsWithout('dosfstools', 'mtools'))('FAT', () => {
  const folder = tempFolder(afterAll)
  const tree = folder.at('tree')
  let expected: ReadonlyMap<string, Snap>
  beforeAll(() => {
    makeTree(tree, { posix: false, many: 500 })
    expected = snapshotOfFolder(tree)
  })

  const format = ({ megabytes, options }: Kind): string => {
    const image = folder.at('image')
    writeFileSync(image, '')
    truncateSync(image, megabytes * 2 ** 20)
    run('mkfs.vfat', ...options, '-n', 'A LABEL', '-i', '12ab34cd', image)
    return image
  }
  const copy = (image: string, ...paths: readonly string[]) =>
    run('mcopy', '-i', image, '-s', '-m', '-Q', ...paths, '::/')

  it.each(Object.entries(kinds))('reads all files of %s', async (_name, kind) => {
    const image = format(kind)
    copy(image, ...readdirSync(tree).map((name) => join(tree, name)))
    run('fsck.vfat', '-n', image)
    await using source = await fileSource(image)
    const filesystem = await openFat(source, unaborted)
    expect(await snapshot(filesystem)).toEqual(expected)
    expect(filesystem).toMatchObject({ kind: 'fat', label: 'A LABEL', uuid: '12AB-34CD' })
    expect(filesystem.notes).toEqual(['Times are stored without a time zone; they are given as if they were UTC.'])
    const entry = await filesystem.find('sizes/OF-4097', unaborted)
    expect(entry.path).toBe('/sizes/of-4097')
    expect(entry.metadata).toMatchObject({ modifiedAt, attributes: ['archive'] })
  })

  it.each([
    ['FAT12', { megabytes: 4, options: ['-F', '12', '-s', '2'] }],
    ['FAT16', { megabytes: 8, options: ['-F', '16', '-s', '1'] }],
  ])('reads fragmented files of %s', async (_name, kind) => {
    const image = format(kind)
    const small = folder.at('small')
    mkdirSync(small, { recursive: true })
    const names = Array.from({ length: 1000 }, (_, i) => `small${i}`)
    for (const name of names) writeFileSync(join(small, name), patterned(1024, 1))
    copy(image, small)
    run('mdel', '-i', image, ...names.filter((_, i) => i % 2 === 0).map((name) => `::/small/${name}`))
    const large = patterned(900_000, 2)
    writeFileSync(folder.at('large'), large)
    copy(image, folder.at('large'))
    const source = memorySource(new Uint8Array(readFileSync(image)))
    const filesystem = await openFat(source, unaborted)
    const file = await filesystem.open(await filesystem.find('large', unaborted), unaborted)
    const before = source.calls()
    await file.read(0, new Uint8Array(file.sizeBytes), unaborted)
    expect(source.calls() - before).toBeGreaterThan(100)
    expect(await digestOfFile(file)).toBe(digestOf(large))
    const left = await toArray(filesystem.list(await filesystem.find('small', unaborted), unaborted))
    expect(left.map(({ name }) => name).sort()).toEqual(names.filter((_, i) => i % 2 === 1).sort())
  })
})
