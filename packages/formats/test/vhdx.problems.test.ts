import { expect, it } from 'vitest'
import { guidOf, type VhdxSpec, type VhdxVector, vhdxImage } from './support/vhdx-image.js'
import { problemsOf } from './support/vhdx-open.js'

const mebibyte = 2 ** 20
const filled = (byte: number) => new Uint8Array(mebibyte).fill(byte)

const two: VhdxSpec = {
  diskBytes: 2 * mebibyte,
  blocks: [
    { block: 0, state: 6, data: filled(1) },
    { block: 1, state: 6, data: filled(2) },
  ],
}
const entryOf = ({ bytes, batAt }: VhdxVector, index: number, value: bigint) =>
  new DataView(bytes.buffer).setBigUint64(batAt + index * 8, value, true)

it('finds none in a sound image', async () => {
  expect(await problemsOf(vhdxImage(two).bytes)).toEqual([])
})

it('finds blocks that share their place', async () => {
  const vector = vhdxImage(two)
  entryOf(vector, 1, BigInt(vector.placeOf(0)) | 6n)
  expect(await problemsOf(vector.bytes)).toEqual([
    {
      severity: 'corrupt',
      message: `Block 1 overlaps something else at ${vector.placeOf(0)}`,
      offset: vector.batAt + 8,
    },
    { severity: 'leak', message: '1048576 bytes of the file are used by nothing' },
  ])
})

it('finds every broken entry, and goes on', async () => {
  const vector = vhdxImage(two)
  entryOf(vector, 0, 4n)
  entryOf(vector, 1, (99n << 20n) | 6n)
  expect(await problemsOf(vector.bytes)).toMatchObject([
    { severity: 'corrupt', message: expect.stringContaining('block 0 is in state 4') },
    { severity: 'corrupt', message: expect.stringContaining('block 1 at 103809024') },
    { severity: 'leak', message: '2097152 bytes of the file are used by nothing' },
  ])
})

it('finds space that nothing uses, but for what blocks keep', async () => {
  const vector = vhdxImage(two)
  entryOf(vector, 0, 0n)
  entryOf(vector, 1, BigInt(vector.placeOf(1)) | 3n)
  expect(await problemsOf(vector.bytes)).toEqual([
    { severity: 'leak', message: '1048576 bytes of the file are used by nothing' },
  ])
})

it('notes sector bitmaps of a disk without parent, as QEMU leaves them', async () => {
  const vector = vhdxImage({ diskBytes: 2 * 2 ** 32, blockBytes: 256 * mebibyte })
  entryOf(vector, 16, 6n)
  expect(await problemsOf(vector.bytes)).toMatchObject([
    { severity: 'note', message: expect.stringContaining('Chunk 0 has a sector bitmap'), offset: vector.batAt + 128 },
  ])
})

const parent = vhdxImage({ diskBytes: mebibyte, dataWriteId: guidOf(7) })
const partial: VhdxSpec = {
  diskBytes: mebibyte,
  flags: 2,
  locator: [
    ['parent_linkage', `{${guidOf(7)}}`],
    ['relative_path', 'p'],
  ],
  blocks: [{ block: 0, state: 7, data: filled(1), sectors: [0] }],
}

it('finds sector bitmaps that are missing, shared or in no known state', async () => {
  const others = { p: parent.bytes }
  expect(await problemsOf(vhdxImage(partial).bytes, others)).toEqual([])
  const missing = vhdxImage(partial)
  entryOf(missing, 4096, 0n)
  expect(await problemsOf(missing.bytes, others)).toMatchObject([
    { severity: 'corrupt', message: expect.stringContaining('sector bitmap of its chunk 0 is not there') },
    { severity: 'leak' },
  ])
  const shared = vhdxImage(partial)
  entryOf(shared, 4096, BigInt(shared.placeOf(0)) | 6n)
  expect(await problemsOf(shared.bytes, others)).toMatchObject([
    { severity: 'corrupt', message: expect.stringContaining('Block 0 overlaps') },
    { severity: 'leak' },
  ])
  const unknown = vhdxImage(partial)
  entryOf(unknown, 4096, BigInt(unknown.placeOf(0)) | 5n)
  expect(await problemsOf(unknown.bytes, others)).toMatchObject([
    { severity: 'corrupt', message: 'The sector bitmap of chunk 0 is in state 5' },
    { severity: 'corrupt', message: expect.stringContaining('not there') },
    { severity: 'leak' },
  ])
})

it('finds a bitmap that lies over a table', async () => {
  const over = vhdxImage(partial)
  entryOf(over, 4096, BigInt(over.batAt) | 6n)
  expect(await problemsOf(over.bytes, { p: parent.bytes })).toMatchObject([
    { severity: 'corrupt', message: 'The sector bitmap of chunk 0 overlaps something else' },
    { severity: 'corrupt', message: expect.stringContaining('where log, tables or metadata are') },
    { severity: 'leak' },
  ])
})
