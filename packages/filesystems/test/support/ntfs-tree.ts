import { closeSync, linkSync, mkdirSync, openSync, rmSync, truncateSync, writeFileSync, writeSync } from 'node:fs'
import { join } from 'node:path'
import { setNtfs } from './ntfs-images.js'

/** Content that compresses well, and tells what file and line it is of. */
export function lines(seed: number, length: number): Uint8Array {
  const line = `line of file ${seed}, which goes on and on and on, aaaaaaaaaaaaaaaaaaaa\n`
  return Buffer.from(line.repeat(Math.ceil(length / line.length)).slice(0, length))
}

/** Content that does not compress. */
export function noise(seed: number, length: number): Uint8Array {
  const bytes = new Uint8Array(length)
  let state = seed * 2_654_435_761 + 1
  for (let at = 0; at < length; at++) {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0
    bytes[at] = state >>> 24
  }
  return bytes
}

/** Files of every size about the borders of records, clusters and units. */
export function fillWithSizes(root: string): void {
  const sizes = [0, 1, 10, 500, 511, 512, 513, 700, 1023, 1024, 4095, 4096, 4097, 65_535, 65_536, 65_537, 200_001]
  for (const size of sizes) {
    writeFileSync(join(root, `lines ${size}`), lines(size, size))
    writeFileSync(join(root, `noise ${size}`), noise(size, size))
  }
}

/** Everything that names and folders can be. */
export function fillWithNames(root: string, count: number): void {
  writeFileSync(join(root, 'naïve – 文件 🗄'), 'unicode')
  writeFileSync(join(root, 'n'.repeat(255)), 'long')
  for (const folder of ['many', 'gaps']) {
    mkdirSync(join(root, folder))
    for (let index = 0; index < count; index++)
      writeFileSync(join(root, folder, `Entry ${(index * 7919) % count} ${'x'.repeat(index % 60)}`), String(index))
  }
  for (let index = 0; index < count; index++)
    if (index % 5 !== 0) rmSync(join(root, 'gaps', `Entry ${(index * 7919) % count} ${'x'.repeat(index % 60)}`))
  let deep = join(root, 'deep')
  for (let level = 0; level < 30; level++) {
    mkdirSync(deep)
    deep = join(deep, `level ${level}`)
  }
  writeFileSync(deep, 'deep')
  writeFileSync(join(root, 'linked'), 'linked')
  for (let index = 0; index < 60; index++)
    linkSync(join(root, 'linked'), join(root, `hard link number ${index} of the file that is linked`))
  writeFileSync(join(root, 'a rather long name.text'), 'short')
  setNtfs(join(root, 'a rather long name.text'), 'ntfs_dos_name', Buffer.from('ARATHE~1.TEX'))
}

/** Holes, and files in more pieces than a record can list. */
export function fillWithPieces(root: string, clusterBytes: number, pieces: number): void {
  writeParts(join(root, 'sparse'), [
    [0, 3000],
    [1_000_000, 70_000],
    [6_000_000_000, 12_345],
  ])
  for (let index = 0; index < pieces; index++)
    writeFileSync(join(root, `filler ${index}`), noise(index, clusterBytes * 2))
  for (let index = 0; index < pieces; index += 2) rmSync(join(root, `filler ${index}`))
  const parts: (readonly [number, number])[] = []
  for (let index = 0; index < pieces; index += 1) parts.push([index * clusterBytes * 3, clusterBytes])
  writeParts(join(root, 'pieces'), parts)
  writeFileSync(join(root, 'cut'), lines(1, 100_000))
  truncateSync(join(root, 'cut'), 50_001)
}

/** Writes content at places of a file. */
export function writeParts(path: string, parts: readonly (readonly [at: number, length: number])[]): void {
  const file = openSync(path, 'w')
  for (const [at, length] of parts) writeSync(file, noise(at, length), 0, length, at)
  closeSync(file)
}
