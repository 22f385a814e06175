import { createHash } from 'node:crypto'
import {
  closeSync,
  ftruncateSync,
  linkSync,
  mkdirSync,
  openSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
  writeSync,
} from 'node:fs'
import { dirname, join } from 'node:path'

/** How much a sample tree asks of a file system. */
export interface TreeOptions {
  /** Symbolic and hard links, names that are no UTF-8. */
  readonly posix: boolean
  /** Entries of the directory that has many. */
  readonly many: number
}

/** Bytes that no two files share. */
export function patterned(length: number, seed: number): Uint8Array {
  const bytes = new Uint8Array(length)
  let state = (seed * 2_654_435_761 + 1) >>> 0
  for (let i = 0; i < length; i++) {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0
    bytes[i] = state >>> 24
  }
  return bytes
}

/** SHA-256 of bytes. */
export function digestOf(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex')
}

/** When the files of a tree were changed; even seconds, as FAT has them. */
export const modifiedAt = new Date('2024-02-29T12:34:56Z')

/** Makes a tree of more than 200 files of all kinds in a new folder. */
export function makeTree(root: string, { posix, many }: TreeOptions): void {
  const write = (name: string | Buffer, bytes: Uint8Array) => {
    const path = Buffer.concat([Buffer.from(`${root}/`), Buffer.from(name)])
    if (typeof name === 'string') mkdirSync(dirname(join(root, name)), { recursive: true })
    writeFileSync(path, bytes)
    utimesSync(path, modifiedAt, modifiedAt)
  }
  mkdirSync(root, { recursive: true })
  for (let i = 0; i < 150; i++) write(`documents/${i % 7}/report ${i}.txt`, patterned((i * i * 13) % 70_000, i))
  for (const size of [0, 1, 59, 60, 61, 128, 511, 512, 513, 1023, 1024, 4095, 4096, 4097, 65_536, 300_000])
    write(`sizes/of-${size}`, patterned(size, size + 7))
  write('NAMES/UPPER.TXT', patterned(10, 1))
  write('NAMES/lower.txt', patterned(11, 2))
  write('NAMES/Mixed Case.TxT', patterned(12, 3))
  write('NAMES/more.than.one.dot', patterned(13, 4))
  write('NAMES/Grüße aus Łódź – 日本語.md', patterned(14, 5))
  write(`NAMES/${'long name '.repeat(25)}.end`, patterned(15, 6))
  write(`deep/${Array.from({ length: 40 }, (_, i) => `level${i}`).join('/')}/bottom`, patterned(5000, 8))
  for (let i = 0; i < many; i++) write(`many/entry number ${String(i).padStart(5, '0')}`, patterned(i % 50, i))
  sparse(join(root, 'sparse'), 3 * 2 ** 20 + 5, [
    [0, patterned(5000, 9)],
    [2 ** 20 + 4096, patterned(9000, 10)],
    [3 * 2 ** 20, patterned(5, 11)],
  ])
  mkdirSync(join(root, 'empty folder'))
  if (!posix) return
  write(Buffer.from('caf\xe9', 'latin1'), patterned(16, 12))
  write('NAMES/beyond 16 bits 🙂', patterned(16, 16))
  write('NAMES/back\\slash', patterned(17, 13))
  write('NAMES/back\\xE9slash', patterned(17, 14))
  write('NAMES/new\nline', patterned(18, 15))
  linkSync(join(root, 'sizes/of-4097'), join(root, 'hard link'))
  for (const length of [1, 58, 59, 60, 61, 300, 1000])
    symlinkSync('t'.repeat(length), join(root, `symlink of ${length}`))
  symlinkSync('../Łódź/\\xE9', join(root, 'symlink with names'))
}

/** Writes a file with holes. */
export function sparse(
  path: string,
  sizeBytes: number,
  parts: readonly (readonly [offset: number, bytes: Uint8Array])[],
): void {
  const file = openSync(path, 'w')
  try {
    for (const [offset, bytes] of parts) writeSync(file, bytes, 0, bytes.byteLength, offset)
    ftruncateSync(file, sizeBytes)
  } finally {
    closeSync(file)
  }
  utimesSync(path, modifiedAt, modifiedAt)
}
