import { expect, it } from 'vitest'
import { dirents } from '../src/ext/dirents.js'

/** A block of entries: inode, length as it is stored, name. */
function block(
  size: number,
  ...entries: readonly (readonly [at: number, inode: number, length: number, name: string])[]
) {
  const bytes = new Uint8Array(size)
  const view = new DataView(bytes.buffer)
  for (const [at, inode, length, name] of entries) {
    view.setUint32(at, inode, true)
    view.setUint16(at + 4, length, true)
    bytes[at + 6] = name.length
    bytes.set(new TextEncoder().encode(name), at + 8)
  }
  return bytes
}

function namesIn(bytes: Uint8Array): readonly string[] {
  return [...dirents(bytes, { typed: true }, {})].map(({ name }) => new TextDecoder().decode(name))
}

it.each([0, 65_535])('a block of 64 KiB may be one entry, whose length of %i stands for all of it', (length) => {
  expect(namesIn(block(65_536, [0, 5, length, 'all']))).toEqual(['all'])
})

it.each<readonly [string, Uint8Array]>([
  ['an entry of no bytes', block(1024, [0, 5, 0, 'name'])],
  ['an entry that reaches past the end', block(1024, [0, 5, 1000, 'a'], [1000, 6, 28, 'b'])],
  ['an entry shorter than its name', block(1024, [0, 5, 12, 'a long name'])],
  ['an entry that is not aligned', block(1024, [0, 5, 1022, 'a'])],
  ['an entry without name', block(1024, [0, 5, 1024, ''])],
])('%s is refused', (_what, bytes) => {
  expect(() => namesIn(bytes)).toThrow(expect.objectContaining({ code: 'damaged' }))
})
