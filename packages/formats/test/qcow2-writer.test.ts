import { createInflateRaw } from 'node:zlib'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { openImage } from '../src/image/open-image.js'
import { createQcow2, type Qcow2WriterOptions, qcow2Codec } from '../src/qcow2/index.js'
import { packedEntryOf } from '../src/qcow2/new-entry.js'
import { rawCodec } from '../src/raw/index.js'
import { type MemoryFile, memoryFile } from './support/memory-file.js'
import { patterned } from './support/qcow2-samples.js'

const disk = { sizeBytes: 2 ** 20, read: async (_offset: number, into: Uint8Array) => void into.fill(0x55) }
const backing = { name: 'base.raw', format: 'raw', disk } as const

async function readBack(file: MemoryFile, parent?: Uint8Array) {
  return openImage(file.named(), {
    codecs: [qcow2Codec, rawCodec],
    open: async (name) => parent && memoryFile(name, parent).named(),
  })
}

/** Counts calls of a store. */
function counting(file: MemoryFile) {
  const calls = { write: 0, zero: 0, written: 0 }
  const store = {
    ...file,
    read: file.read,
    write: (offset: number, bytes: Uint8Array) => {
      calls.write++
      calls.written += bytes.byteLength
      return file.write(offset, bytes)
    },
    zero: (offset: number, length: number) => {
      calls.zero++
      return file.zero(offset, length)
    },
  }
  return { store, calls }
}

describe('qcow2: options of the writer', () => {
  it.each<[string, Qcow2WriterOptions, string]>([
    ['a part of a sector', { sizeBytes: 1000 }, 'unsupported'],
    ['a size below zero', { sizeBytes: -512 }, 'unsupported'],
    ['clusters that are no power of two', { sizeBytes: 512, clusterBytes: 3000 }, 'unsupported'],
    ['clusters that are too small', { sizeBytes: 512, clusterBytes: 256 }, 'unsupported'],
    ['clusters that are too large', { sizeBytes: 512, clusterBytes: 2 ** 22 }, 'unsupported'],
    ['a zlib level that is none', { sizeBytes: 512, compression: { method: 'zlib', level: 10 } }, 'unsupported'],
    ['a zstd level that is none', { sizeBytes: 512, compression: { method: 'zstd', level: 23 } }, 'unsupported'],
    ['a disk too large for its clusters', { sizeBytes: 2 ** 40, clusterBytes: 512 }, 'limit'],
    ['a backing file without a name', { sizeBytes: 512, backing: { ...backing, name: '' } }, 'unsupported'],
    ['a name that is too long', { sizeBytes: 512, backing: { ...backing, name: 'é'.repeat(512) } }, 'limit'],
    [
      'a name too long for the cluster',
      { sizeBytes: 512, clusterBytes: 512, backing: { ...backing, name: 'a'.repeat(400) } },
      'limit',
    ],
  ])('refuse %s', async (_name, options, code) => {
    await expect(createQcow2(memoryFile(), options)).rejects.toMatchObject({ code })
  })

  it('take disks of nothing and of the largest size', async () => {
    for (const [sizeBytes, clusterBytes] of [
      [0, 65_536],
      [64 * 2 ** 30, 512],
      [2 ** 50, 65_536],
    ] as const) {
      const file = memoryFile('disk')
      await (await createQcow2(file, { sizeBytes, clusterBytes })).close()
      await using image = await readBack(file)
      expect(image.sizeBytes).toBe(sizeBytes)
      for await (const problem of image.problems()) expect(problem).toBeUndefined()
    }
  })

  it('refuse compressed data past what an entry can tell', () => {
    const last = 2 ** 49
    expect(packedEntryOf(last - 512, 512, 21) & ((1n << 49n) - 1n)).toBe(BigInt(last - 512))
    expect(() => packedEntryOf(last - 511, 512, 21)).toThrow(expect.objectContaining({ code: 'limit' }))
  })
})

describe('qcow2: what the writer does', () => {
  it('makes no image before it is closed', async () => {
    const file = memoryFile('disk')
    const writer = await createQcow2(file, { sizeBytes: 2 ** 20 })
    await writer.write(0, patterned(4096, 1))
    await writer.flush()
    expect(await qcow2Codec.recognise(file.named())).toBe(false)
    await writer.close()
    expect(await qcow2Codec.recognise(file.named())).toBe(true)
  })

  it('writes a mebibyte at once, and compressed clusters many together', async () => {
    const plain = counting(memoryFile('disk'))
    const writer = await createQcow2(plain.store, { sizeBytes: 2 ** 26 })
    for (let at = 0; at < 8; at++) await writer.write(at * 2 ** 20, patterned(2 ** 20, at))
    expect(plain.calls.write).toBe(8)
    await writer.close()
    expect(plain.calls.write).toBeLessThan(8 + 6)
    const packed = counting(memoryFile('disk'))
    const compressed = await createQcow2(packed.store, { sizeBytes: 2 ** 26, compression: { method: 'zlib' } })
    for (let at = 0; at < 8; at++) await compressed.write(at * 2 ** 20, patterned(2 ** 20, at))
    await compressed.close()
    expect(packed.calls.write).toBeLessThan(8)
    expect(packed.calls.written).toBeLessThan(2 ** 20)
  })

  it('zeroes what was never written for nothing, and what was written without writing', async () => {
    const { store, calls } = counting(memoryFile('disk'))
    const writer = await createQcow2(store, { sizeBytes: 2 ** 40 })
    await writer.zero(0, 2 ** 40)
    expect(calls).toEqual({ write: 0, zero: 0, written: 0 })
    await writer.write(2 ** 30, patterned(2 ** 20, 1))
    await writer.zero(2 ** 30, 2 ** 20)
    expect(calls).toEqual({ write: 1, zero: 1, written: 2 ** 20 })
  })

  it('zeroes neighbours in the file that are none on the disk', async () => {
    const file = memoryFile('disk')
    const writer = await createQcow2(file, { sizeBytes: 100 * 4096, clusterBytes: 4096 })
    await writer.write(10 * 4096, patterned(4096, 1))
    await writer.write(50 * 4096, patterned(4096, 2))
    await writer.write(99 * 4096, patterned(4096, 3))
    await writer.zero(5 * 4096, 60 * 4096)
    await writer.close()
    await using image = await readBack(file)
    const bytes = new Uint8Array(4096)
    await image.read(99 * 4096, bytes)
    expect(bytes).toEqual(patterned(4096, 3))
  })

  it('keeps an incompressible cluster plain', async () => {
    const file = memoryFile('disk')
    const writer = await createQcow2(file, { sizeBytes: 2 ** 18, compression: { method: 'zlib' } })
    const noise = crypto.getRandomValues(new Uint8Array(65_536))
    await writer.write(0, noise)
    await writer.write(65_536, patterned(65_536, 1))
    await writer.close()
    await using image = await readBack(file)
    const bytes = new Uint8Array(131_072)
    await image.read(0, bytes)
    expect(bytes).toEqual(new Uint8Array([...noise, ...patterned(65_536, 1)]))
    expect(file.bytes().subarray(131_072, 131_072 + 65_536)).toEqual(noise)
  })

  it('compresses with a window of 4 KiB, since a decoder may have no larger one', async () => {
    const file = memoryFile('disk')
    const writer = await createQcow2(file, { sizeBytes: 65_536, compression: { method: 'zlib' } })
    const repeated = new Uint8Array(65_536)
    const noise = crypto.getRandomValues(new Uint8Array(6000))
    for (let at = 0; at + 6000 <= repeated.byteLength; at += 9000) repeated.set(noise, at)
    await writer.write(0, repeated)
    await writer.close()
    const bytes = file.bytes()
    const view = new DataView(bytes.buffer)
    const l2 = Number(view.getBigUint64(Number(view.getBigUint64(40))) & 0x00ff_ffff_ffff_fe00n)
    const packed = bytes.subarray(Number(view.getBigUint64(l2) & ((1n << 54n) - 1n)))
    // In small pieces, so that what was put out is no longer there to copy from.
    const decoder = createInflateRaw({ windowBits: 12, chunkSize: 64 })
    const pieces: Uint8Array[] = []
    decoder.end(packed)
    for await (const piece of decoder) pieces.push(piece)
    expect(new Uint8Array(Buffer.concat(pieces))).toEqual(repeated)
  })

  it('refuses to go back when it compresses', async () => {
    for (const options of [{}, { backing }]) {
      const writer = await createQcow2(memoryFile(), {
        sizeBytes: 2 ** 20,
        compression: { method: 'zlib' },
        ...options,
      })
      await writer.write(70_000, patterned(100, 1))
      await expect(writer.write(69_999, patterned(1, 1))).rejects.toMatchObject({ code: 'order' })
      await expect(writer.zero(65_536, 65_536)).rejects.toMatchObject({ code: 'order' })
      await writer.close()
    }
  })

  it('keeps nothing of a failure to itself', async () => {
    const broken = { ...backing, disk: { ...disk, read: () => Promise.reject(new Error('parent is gone')) } }
    const child = await createQcow2(memoryFile(), { sizeBytes: 2 ** 20, backing: broken })
    const writes = [child.write(10, patterned(10, 1)), child.write(30, patterned(10, 1)), child.zero(50, 10)]
    for (const outcome of await Promise.allSettled(writes))
      expect(outcome).toMatchObject({ status: 'rejected', reason: { message: 'parent is gone' } })
    // Nor does it forget: what was not copied from the parent would read as zeros.
    await expect(child.write(10, patterned(10, 1))).rejects.toThrow('parent is gone')
    await expect(child.close()).rejects.toThrow('parent is gone')
    const full = { ...memoryFile(), write: () => Promise.reject(new Error('no space')) }
    const writer = await createQcow2(full, { sizeBytes: 2 ** 20, compression: { method: 'zlib' } })
    await writer.write(0, patterned(100, 1))
    await expect(writer.close()).rejects.toThrow('no space')
  })
})

describe('qcow2: concurrent writes', () => {
  it.each<[string, Partial<Qcow2WriterOptions>, number]>([
    ['into shared clusters', {}, 2 ** 20],
    ['into shared clusters of a child', { backing }, 2 ** 20],
    ['into small clusters of a child', { backing, clusterBytes: 512 }, 2 ** 20],
    ['into more tables than are kept', { clusterBytes: 2 ** 21 }, 2 ** 43],
  ])('all survive, %s', async (_name, options, sizeBytes) => {
    const cuts = fc.uniqueArray(fc.nat(400_000), { minLength: 2, maxLength: 24 })
    await fc.assert(
      fc.asyncProperty(cuts, fc.infiniteStream(fc.nat(99)), async (places, order) => {
        const file = memoryFile('disk')
        const writer = await createQcow2(file, { sizeBytes, ...options })
        const isSpread = sizeBytes > 2 ** 40
        const sorted = places.toSorted((a, b) => a - b)
        const pieces = sorted.slice(1).map((end, index) => {
          const start = sorted[index] ?? 0
          // Spread over the disk, each piece gets a table of its own.
          const offset = isSpread ? Math.floor((start / 400_000) * (sizeBytes - 400_000)) : start
          return {
            offset,
            bytes: patterned(end - start, index + 1),
            isZero: index % 5 === 4,
            rank: order.next().value ?? 0,
          }
        })
        const calls = pieces
          .toSorted((a, b) => a.rank - b.rank)
          .map(({ offset, bytes, isZero }) =>
            isZero ? writer.zero(offset, bytes.byteLength) : writer.write(offset, bytes),
          )
        await Promise.all([...calls, writer.flush()])
        await writer.close()
        await using image = await readBack(file, new Uint8Array(2 ** 20).fill(0x55))
        for (const { offset, bytes, isZero } of pieces) {
          const read = new Uint8Array(bytes.byteLength)
          await image.read(offset, read)
          expect(Buffer.compare(read, isZero ? new Uint8Array(bytes.byteLength) : bytes)).toBe(0)
        }
        for await (const problem of image.problems()) expect(problem).toBeUndefined()
        if (isSpread) return
        const rest = new Uint8Array(sorted[0] ?? 0)
        await image.read(0, rest)
        expect(rest.every((byte) => byte === (options.backing === undefined ? 0 : 0x55))).toBe(true)
      }),
      { numRuns: sizeBytes > 2 ** 40 ? 8 : 60, seed: 20_261_123 },
    )
  })
})
