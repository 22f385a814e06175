import { mkdirSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { run } from 'holdfast-lab'
import { beforeAll, expect, it } from 'vitest'
import type { Entry, Filesystem } from '../src/filesystem.js'
import { openNtfs } from '../src/ntfs/ntfs.js'
import { memorySource, unaborted } from './support/memory-source.js'
import { describeNtfs, type MadeNtfs, makeNtfs, type NtfsRecipe } from './support/ntfs-images.js'
import { fillWithNames, fillWithPieces, fillWithSizes, noise } from './support/ntfs-tree.js'
import { digestOf, walkAll } from './support/walk-files.js'

const mebibyte = 2 ** 20

const recipes: Readonly<Record<string, NtfsRecipe>> = {
  'clusters of 4 KiB': {
    sizeBytes: 64 * mebibyte,
    mkntfs: ['-c', '4096', '-L', 'Données'],
    fill: (root) => {
      fillWithSizes(root)
      fillWithNames(root, 2000)
      fillWithPieces(root, 4096, 900)
    },
    finish: (image) => assertSpread(image, '-F', 'pieces'),
  },
  'clusters of 512 bytes': {
    sizeBytes: 32 * mebibyte,
    mkntfs: ['-c', '512'],
    fill: (root) => {
      fillWithSizes(root)
      fillWithNames(root, 300)
      fillWithPieces(root, 512, 3000)
    },
  },
  'clusters of 64 KiB': {
    sizeBytes: 128 * mebibyte,
    mkntfs: ['-c', '65536'],
    fill: (root) => {
      fillWithSizes(root)
      fillWithNames(root, 200)
      fillWithPieces(root, 65_536, 100)
    },
  },
  'a file table in pieces': {
    sizeBytes: 16 * mebibyte,
    mkntfs: ['-c', '512'],
    fill: fillToTheBrim,
    finish: (image) => assertSpread(image, '-i', '0'),
  },
  'sectors of 4 KiB': {
    sizeBytes: 64 * mebibyte,
    mkntfs: ['-s', '4096', '-c', '4096'],
    fill: (root) => {
      fillWithSizes(root)
      fillWithNames(root, 300)
    },
  },
}

/** Makes sure that the attributes of a file do not fit into one record: else the test would not test it. */
function assertSpread(image: string, ...which: readonly string[]): void {
  expect(run('ntfsinfo', '-f', ...which, image)).toContain('$ATTRIBUTE_LIST')
}

/** Fills the volume to the last cluster, makes gaps, and lets the file table grow into them. */
function fillToTheBrim(root: string): void {
  const fillers = writeUntilFull(root, (index) => noise(index, 2048))
  for (let index = 0; index < fillers; index += 2) rmSync(join(root, String(index)))
  mkdirSync(join(root, 'later'))
  writeUntilFull(join(root, 'later'), () => noise(1, 5))
}

function writeUntilFull(folder: string, content: (index: number) => Uint8Array): number {
  for (let index = 0; ; index++) {
    try {
      writeFileSync(join(folder, String(index)), content(index))
    } catch {
      return index
    }
  }
}

describeNtfs.each(Object.entries(recipes))('NTFS with %s', (_name, recipe) => {
  let made: MadeNtfs
  let filesystem: Filesystem
  let found: ReadonlyMap<string, Entry>

  beforeAll(async () => {
    made = makeNtfs(recipe)
    filesystem = await openNtfs(memorySource(made.bytes), unaborted)
    found = await walkAll(filesystem, unaborted)
  }, 120_000)

  it('lists what ntfs-3g lists, with the same facts', () => {
    const facts = [...found].map(([path, { type, sizeBytes, metadata }]) => [
      path,
      {
        isDirectory: type === 'directory',
        sizeBytes,
        inode: metadata.inode,
        modifiedMs: metadata.modifiedAt?.getTime(),
      },
    ])
    const expected = [...made.seen].map(([path, { sha256: _sha256, ...rest }]) => [path, rest])
    expect(Object.fromEntries(facts)).toEqual(Object.fromEntries(expected))
  })

  it('reads every file as ntfs-3g does', async () => {
    for (const [path, { sha256 }] of made.seen) {
      if (sha256 === undefined) continue
      const file = await filesystem.open(found.get(path)!, unaborted)
      expect(await digestOf(file, unaborted), path).toBe(sha256)
    }
  })

  it('finds entries by their paths, in any case', async () => {
    for (const [path, { inode }] of [...made.seen].filter((_entry, index) => index % 41 === 0)) {
      expect((await filesystem.find(path, unaborted)).metadata.inode).toBe(inode)
      expect((await filesystem.find(path.toUpperCase(), unaborted)).metadata.inode).toBe(inode)
    }
  })

  it('has no notes', () => {
    expect(filesystem.notes).toEqual([])
  })
})
