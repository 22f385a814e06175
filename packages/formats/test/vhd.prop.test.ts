import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { ImageWriter } from '../src/image/image-writer.js'
import { openImage } from '../src/image/open-image.js'
import { bitmapCache } from '../src/vhd/bitmap-cache.js'
import { createVhd, type VhdParent, vhdCodec } from '../src/vhd/index.js'
import { bitRuns, setBits } from '../src/vhd/sector-bitmap.js'
import { type DiskOperation, performOperation } from './support/disk-operations.js'
import { memoryFile } from './support/memory-file.js'
import { describeRoundTrip, type MemoryFolder, memoryFolder } from './support/round-trip.js'

const largest = 2040 * 2 ** 30
const createdAt = new Date('2026-11-22T12:00:00Z')
const parentId = '11111111-2222-4333-8444-555555555555'
const parent: VhdParent = { uniqueId: parentId, modifiedAt: createdAt, relativePath: 'parent' }

describeRoundTrip({
  name: 'vhd fixed',
  codec: vhdCodec,
  sizeStep: 512,
  largest,
  create: (folder, sizeBytes) => createVhd(folder.create('disk'), { variant: 'fixed', sizeBytes }),
})

for (const blockBytes of [2 * 2 ** 20, 512 * 2 ** 10])
  describeRoundTrip({
    name: `vhd dynamic, blocks of ${blockBytes}`,
    codec: vhdCodec,
    sizeStep: 512,
    largest,
    create: (folder, sizeBytes) => createVhd(folder.create('disk'), { variant: 'dynamic', sizeBytes, blockBytes }),
  })

/** Writes at the start, across the first blocks and at the end of the parent. */
function parentOperations(sizeBytes: number): readonly DiskOperation[] {
  const places = [0, 2 ** 20 - 700, sizeBytes / 2 - 5000, sizeBytes - 5000]
  return places.map((place, index) => {
    const offset = Math.floor(Math.min(Math.max(0, place), sizeBytes - 1))
    return { kind: 'write', offset, length: Math.min(200_000, sizeBytes - offset), seed: index + 1 }
  })
}

/** A child in front of a dynamic parent; whole-disk zeroing of terabytes would fill the memory that stands for the file. */
async function createChild(folder: MemoryFolder, sizeBytes: number, blockBytes: number) {
  const under = await createVhd(folder.create('parent'), { variant: 'dynamic', sizeBytes, uniqueId: parentId })
  for (const operation of parentOperations(sizeBytes)) await performOperation(operation, under)
  await under.close()
  const image = await openImage(folder.file('parent'), { codecs: [vhdCodec] })
  return createVhd(folder.create('disk'), {
    variant: 'differencing',
    sizeBytes,
    blockBytes,
    parent,
    readParent: image.read,
  })
}

for (const [blockBytes, largestChild, runs] of [
  [2 * 2 ** 20, 2 ** 36, 60],
  [2 ** 16, 2 ** 30, 60],
  [256 * 2 ** 20, largest, 30],
] as const)
  describeRoundTrip({
    name: `vhd differencing, blocks of ${blockBytes}`,
    codec: vhdCodec,
    sizeStep: 512,
    largest: largestChild,
    runs,
    create: (folder, sizeBytes) => createChild(folder, sizeBytes, blockBytes),
    parentOperations,
  })

describe('vhd: writes at the same time', () => {
  const sizeBytes = 2 ** 20
  const cuts = fc.uniqueArray(fc.oneof(fc.integer({ min: 1, max: sizeBytes - 1 }), fc.integer({ min: 1, max: 9000 })), {
    minLength: 1,
    maxLength: 40,
  })

  /** Writes and zeroes pieces of every length side by side, all at once, and reads the disk. */
  async function writeAtOnce(writer: ImageWriter, folder: MemoryFolder, ends: readonly number[]) {
    const expected = new Uint8Array(sizeBytes)
    const starts = [0, ...ends.toSorted((a, b) => a - b)]
    await Promise.all(
      starts.map((offset, index) => {
        const length = (starts[index + 1] ?? sizeBytes) - offset
        if (index % 5 === 4) return writer.zero(offset, length)
        const bytes = new Uint8Array(length).fill(1 + (index % 255))
        expected.set(bytes, offset)
        return writer.write(offset, bytes)
      }),
    )
    await writer.close()
    await using image = await openImage(folder.file('disk'), { codecs: [vhdCodec], open: folder.open })
    const read = new Uint8Array(sizeBytes)
    await image.read(0, read)
    expect(Buffer.compare(read, expected)).toBe(0)
  }

  it('all survive in blocks and sectors that they share', async () => {
    await fc.assert(
      fc.asyncProperty(cuts, fc.constantFrom(4096, 65_536, 2 * 2 ** 20), async (ends, blockBytes) => {
        const folder = memoryFolder()
        const options = { variant: 'dynamic', sizeBytes, blockBytes } as const
        await writeAtOnce(await createVhd(folder.create('disk'), options), folder, ends)
        const other = memoryFolder()
        await writeAtOnce(await createChild(other, sizeBytes, blockBytes), other, ends)
      }),
      { numRuns: 50, seed: 20_261_123 },
    )
  })

  it('all reach bitmaps that do not fit in memory at once', async () => {
    const blocks = 40
    const bitmapBytes = 16
    const change = fc.record({ index: fc.nat(blocks - 1), bit: fc.nat(bitmapBytes * 8 - 1), flush: fc.boolean() })
    await fc.assert(
      fc.asyncProperty(fc.array(change, { maxLength: 200 }), fc.integer({ min: 1, max: 5 }), async (changes, fit) => {
        const store = memoryFile()
        const placeOf = (index: number) => index * bitmapBytes
        const cache = bitmapCache({ store, blocks, bitmapBytes, placeOf, keepBytes: fit * bitmapBytes })
        const expected = new Uint8Array(blocks * bitmapBytes)
        let underWay: Promise<void>[] = []
        for (const { index, bit, flush } of changes) {
          setBits(expected, index * bitmapBytes * 8 + bit, index * bitmapBytes * 8 + bit + 1)
          underWay.push(cache.use(index, (bitmap) => setBits(bitmap, bit, bit + 1)))
          if (!flush) continue
          await Promise.all([...underWay, cache.flush()])
          underWay = []
        }
        await Promise.all(underWay)
        await cache.flush()
        await store.resize(expected.byteLength)
        expect(store.bytes()).toEqual(expected)
      }),
      { seed: 20_261_123 },
    )
  })
})

describe('vhd bitmaps', () => {
  it('set and list bits as an array of booleans would', () => {
    const range = fc.tuple(fc.nat(200), fc.nat(200)).map(([a, b]) => [Math.min(a, b), Math.max(a, b)] as const)
    fc.assert(
      fc.property(fc.array(range, { maxLength: 6 }), range, (ranges, [from, to]) => {
        const bitmap = new Uint8Array(26)
        const expected = Array.from({ length: 208 }, () => false)
        for (const [start, end] of ranges) {
          setBits(bitmap, start, end)
          expected.fill(true, start, end)
        }
        const listed: boolean[] = []
        let last: boolean | undefined
        for (const run of bitRuns(bitmap, from, to)) {
          expect(run.from).toBe(from + listed.length)
          expect(run.isSet).not.toBe(last)
          last = run.isSet
          for (let bit = run.from; bit < run.to; bit++) listed.push(run.isSet)
        }
        expect(listed).toEqual(expected.slice(from, to))
      }),
      { seed: 20_261_123 },
    )
  })
})
