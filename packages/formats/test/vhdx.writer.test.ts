import { describe, expect, it } from 'vitest'
import type { ByteStore } from '../src/bytes/byte-source.js'
import { openImage } from '../src/image/open-image.js'
import { createVhdx, type VhdxWriterOptions, vhdxCodec } from '../src/vhdx/index.js'
import { type MemoryFile, memoryFile } from './support/memory-file.js'
import { dataWriteIdOf, guidOf, regionAt, simpleCrc32c } from './support/vhdx-image.js'

const mebibyte = 2 ** 20
const filled = (byte: number, length: number) => new Uint8Array(length).fill(byte)
const plain = { variant: 'dynamic', sizeBytes: 8 * mebibyte } as const
const parentId = guidOf(0x42)

/** A store that remembers what is written to it. */
function noted(file: MemoryFile): { store: ByteStore; writes: { offset: number; length: number }[] } {
  const writes: { offset: number; length: number }[] = []
  return {
    writes,
    store: {
      ...file,
      write: async (offset, bytes) => {
        writes.push({ offset, length: bytes.byteLength })
        await file.write(offset, bytes)
      },
    },
  }
}

/** Begins a child of a parent that is all ones, and notes what of the parent is asked for. */
async function child(file: ByteStore, options: Partial<VhdxWriterOptions> & { readonly sizeBytes?: number } = {}) {
  const asked: { offset: number; length: number }[] = []
  const writer = await createVhdx(file, {
    sizeBytes: 8 * mebibyte,
    blockBytes: mebibyte,
    ...options,
    variant: 'differencing',
    parent: { identity: `{${parentId.toUpperCase()}}`, relativePath: '.\\p.vhdx' },
    readParent: async (offset, into) => {
      asked.push({ offset, length: into.byteLength })
      into.fill(1)
    },
  })
  return { writer, asked }
}

/** Reads a child over a parent of ones. */
async function readChild(file: MemoryFile, offset: number, length: number): Promise<Uint8Array> {
  const parent = memoryFile('.\\p.vhdx')
  const sizeBytes = 8 * mebibyte
  const writer = await createVhdx(parent, { variant: 'fixed', sizeBytes, dataWriteId: parentId })
  await writer.write(0, filled(1, sizeBytes))
  await writer.close()
  await using image = await openImage(file.named(), { codecs: [vhdxCodec], open: async () => parent.named() })
  const read = new Uint8Array(length)
  await image.read(offset, read)
  return read
}

/** Entries of the table of a file, whose regions lie in its first mebibytes. */
async function entries(file: MemoryFile, ...indexes: readonly number[]): Promise<readonly bigint[]> {
  const bytes = new Uint8Array(4 * mebibyte)
  await file.read(0, bytes)
  const view = new DataView(bytes.buffer, regionAt(bytes, 'bat'))
  return indexes.map((index) => view.getBigUint64(index * 8, true))
}

describe('options', () => {
  it.each<[string, object, string, RegExp]>([
    ['more than 64 TiB', { sizeBytes: 64 * 2 ** 40 + 512 }, 'limit', /64 TiB/],
    ['a size of no whole sectors', { sizeBytes: 1000 }, 'unsupported', /whole sectors of 512/],
    [
      'a size of no whole large sectors',
      { sizeBytes: 512, logicalSectorBytes: 4096 },
      'unsupported',
      /sectors of 4096/,
    ],
    ['no size', { sizeBytes: 0 }, 'unsupported', /whole sectors/],
    ['a size that is no number', { sizeBytes: Number.NaN }, 'unsupported', /whole sectors/],
    ['an odd sector size', { logicalSectorBytes: 1024 }, 'unsupported', /logical sector size/],
    ['an odd physical sector size', { physicalSectorBytes: 8192 }, 'unsupported', /physical sector size/],
    [
      'physical sectors below logical ones',
      { logicalSectorBytes: 4096, physicalSectorBytes: 512 },
      'unsupported',
      /smaller/,
    ],
    ['small blocks', { blockBytes: mebibyte / 2 }, 'unsupported', /block size/],
    ['large blocks', { blockBytes: 512 * mebibyte }, 'unsupported', /block size/],
    ['odd blocks', { blockBytes: 3 * mebibyte }, 'unsupported', /block size/],
    ['an id that is none', { dataWriteId: 'x' }, 'unsupported', /dataWriteId is no GUID/],
    ['a child without a path', { variant: 'differencing', parent: { identity: parentId } }, 'unsupported', /one path/],
    [
      'an empty path',
      { variant: 'differencing', parent: { identity: parentId, relativePath: '' } },
      'unsupported',
      /empty/,
    ],
    [
      'a short absolute path',
      { variant: 'differencing', parent: { identity: parentId, absolutePath: 'C:\\p' } },
      'unsupported',
      /begin with/,
    ],
    [
      'a parent without id',
      { variant: 'differencing', parent: { identity: '', relativePath: 'p' } },
      'unsupported',
      /parent.identity/,
    ],
    [
      'a path of 33,000 letters',
      { variant: 'differencing', parent: { identity: parentId, relativePath: 'p'.repeat(33_000) } },
      'limit',
      /UTF-16/,
    ],
  ])('refuses %s', async (_what, options, code, message) => {
    const created = createVhdx(memoryFile(), { ...plain, ...options } as VhdxWriterOptions)
    await expect(created).rejects.toMatchObject({ code, message: expect.stringMatching(message) })
  })

  it('writes what it was asked to', async () => {
    const file = memoryFile('disk')
    const writer = await createVhdx(file, {
      ...plain,
      physicalSectorBytes: 512,
      virtualDiskId: guidOf(1),
      dataWriteId: `{${guidOf(0xab).toUpperCase()}}`,
      fileWriteId: guidOf(3),
      creator: 'a test',
    })
    await writer.close()
    await using image = await openImage(file.named(), { codecs: [vhdxCodec] })
    expect(image.layers[0]).toMatchObject({
      identity: guidOf(0xab),
      variant: 'dynamic',
      details: { virtualDiskId: guidOf(1), fileWriteId: guidOf(3), creator: 'a test', physicalSectorBytes: 512 },
    })
    expect(dataWriteIdOf(file.bytes())).toBe(guidOf(0xab))
  })

  it('makes up ids that differ', async () => {
    const made = await Promise.all(
      [1, 2].map(async () => {
        const file = memoryFile()
        await (await createVhdx(file, plain)).close()
        return dataWriteIdOf(file.bytes())
      }),
    )
    expect(new Set(made).size).toBe(2)
  })

  it.each([
    ['fixed', undefined, 32 * mebibyte],
    ['dynamic', undefined, 2 * mebibyte],
    ['dynamic', 256 * mebibyte, 256 * mebibyte],
  ] as const)('%s with blocks of %s has %i as its unit', async (variant, blockBytes, unit) => {
    const options = { variant, sizeBytes: mebibyte, ...(blockBytes !== undefined && { blockBytes }) }
    expect((await createVhdx(memoryFile(), options)).unitBytes).toBe(unit)
  })
})

describe('the file', () => {
  it('is no image before it is closed', async () => {
    const file = memoryFile('disk')
    const writer = await createVhdx(file, plain)
    await writer.write(0, filled(1, 1000))
    await writer.flush()
    await file.resize(8 * mebibyte)
    await expect(openImage(file.named(), { codecs: [vhdxCodec] })).rejects.toMatchObject({
      code: 'corrupt',
      message: expect.stringContaining('neither of its two headers'),
    })
    await writer.close()
    await using image = await openImage(file.named(), { codecs: [vhdxCodec] })
    expect(image.sizeBytes).toBe(plain.sizeBytes)
  })

  it('has two headers and two region tables with checksums that are right', async () => {
    const file = memoryFile()
    await (await createVhdx(file, plain)).close()
    const bytes = file.bytes()
    const view = new DataView(bytes.buffer)
    for (const [at, length] of [
      [64 * 1024, 4096],
      [128 * 1024, 4096],
      [192 * 1024, 64 * 1024],
      [256 * 1024, 64 * 1024],
    ] as const) {
      const structure = bytes.slice(at, at + length).fill(0, 4, 8)
      expect(view.getUint32(at + 4, true)).toBe(simpleCrc32c(structure))
    }
    expect([64, 128].map((place) => view.getBigUint64(place * 1024 + 8, true))).toEqual([1n, 2n])
    expect(bytes.subarray(192 * 1024, 256 * 1024)).toEqual(bytes.subarray(256 * 1024, 320 * 1024))
    expect(bytes.byteLength % mebibyte).toBe(0)
  })

  it('says what a reader must know: both regions, and every metadata item', async () => {
    const file = memoryFile()
    const { writer } = await child(file)
    await writer.close()
    const bytes = file.bytes()
    const view = new DataView(bytes.buffer)
    expect([0, 1].map((region) => view.getUint32(192 * 1024 + 16 + 32 * region + 28, true))).toEqual([1, 1])
    const metadataAt = regionAt(bytes, 'metadata')
    expect(view.getUint16(metadataAt + 10, true)).toBe(6)
    // File parameters, size, id, logical and physical sector size, parent locator: those of the disk itself have 2 set.
    const flags = [0, 1, 2, 3, 4, 5].map((item) => view.getUint32(metadataAt + 32 + 32 * item + 24, true))
    expect(flags).toEqual([4, 6, 6, 6, 6, 4])
  })

  it('tells places past 4 GiB as they are', async () => {
    const file = memoryFile()
    const blockBytes = 256 * mebibyte
    const writer = await createVhdx(file, { variant: 'dynamic', sizeBytes: 40 * blockBytes, blockBytes })
    for (let block = 0; block < 40; block++) await writer.write(block * blockBytes, filled(1, 1))
    await writer.close()
    // Sixteen blocks and a sector bitmap make a chunk.
    const places = [...Array(40).keys()].map((block) => BigInt(4 * mebibyte + block * blockBytes) | 6n)
    expect(await entries(file, ...[...Array(40).keys()].map((block) => block + Math.floor(block / 16)))).toEqual(places)
  })

  it('takes one write for a whole mebibyte, and tables only at the end', async () => {
    const { store, writes } = noted(memoryFile())
    const writer = await createVhdx(store, { ...plain, sizeBytes: 64 * mebibyte })
    writes.length = 0
    for (let at = 0; at < 64; at++) await writer.write(at * mebibyte, filled(at + 1, mebibyte))
    expect(writes).toHaveLength(64)
    await writer.write(0, filled(9, 16 * mebibyte))
    expect(writes).toHaveLength(65)
    await writer.close()
    // One page of the table and two headers.
    expect(writes).toHaveLength(68)
  })

  it('takes one write for a mebibyte of a child that is not aligned to anything but sectors', async () => {
    const { store, writes } = noted(memoryFile())
    const { writer, asked } = await child(store, { blockBytes: 2 * mebibyte })
    writes.length = 0
    await writer.write(512, filled(1, mebibyte))
    expect(writes).toHaveLength(1)
    expect(asked).toEqual([])
  })

  it('costs no memory to speak of for 64 TiB with a byte here and there', async () => {
    const file = memoryFile('disk')
    const sizeBytes = 64 * 2 ** 40
    const writer = await createVhdx(file, { variant: 'dynamic', sizeBytes, blockBytes: mebibyte })
    const places = Array.from({ length: 300 }, (_, index) => Math.floor((index * sizeBytes) / 300))
    for (const round of [1, 2]) for (const place of places) await writer.write(place + round, filled(round, 1))
    await writer.close()
    await using image = await openImage(file.named(), { codecs: [vhdxCodec] })
    for (const place of places) {
      const read = new Uint8Array(4)
      await image.read(place, read)
      expect([...read]).toEqual([0, 1, 2, 0])
    }
    // Header pages and, for each block, a page of data and the pages that a piece of its table takes.
    expect(file.allocatedBytes()).toBeLessThan(300 * (4096 + 65_536) + 300_000)
  })

  it('keeps the marks of more chunks than it holds in memory', async () => {
    const file = memoryFile('disk')
    const sizeBytes = 200 * 4 * 2 ** 30
    const { writer } = await child(file, { sizeBytes })
    const places = Array.from({ length: 200 }, (_, chunk) => chunk * 4 * 2 ** 30)
    for (const sector of [0, 5, 2047])
      for (const place of places) await writer.write(place + sector * 512, filled(7, 512))
    await writer.close()
    for (const place of [places[0]!, places[100]!, places[199]!]) {
      const read = await readChild(file, place, mebibyte)
      const sectors = [0, 1, 4, 5, 6, 2046, 2047].map((sector) => read[sector * 512])
      // The parent of this test ends after 8 MiB.
      const beneath = place === 0 ? 1 : 0
      expect(sectors).toEqual([7, beneath, beneath, 7, beneath, beneath, 7])
    }
  })
})

describe('a differencing image', () => {
  it('reads the parent only for the rest of sectors, each once', async () => {
    const file = memoryFile('disk')
    const { writer, asked } = await child(file)
    await writer.write(100, filled(9, 2000))
    await writer.write(10, filled(8, 20))
    await writer.write(1536, filled(7, 512))
    await writer.write(2 * mebibyte, filled(6, mebibyte))
    await writer.zero(4 * mebibyte + 700, 100)
    await writer.close()
    expect(asked).toEqual([
      { offset: 0, length: 512 },
      { offset: 2048, length: 512 },
      { offset: 4 * mebibyte + 512, length: 512 },
    ])
    const read = await readChild(file, 0, 3000)
    const expected = filled(1, 3000)
    expected.set(filled(9, 2000), 100)
    expected.set(filled(8, 20), 10)
    expected.set(filled(7, 512), 1536)
    expect(Buffer.compare(read, expected)).toBe(0)
  })

  it('has blocks in the states that say what they hold', async () => {
    const file = memoryFile('disk')
    const { writer } = await child(file)
    await writer.write(0, filled(9, mebibyte))
    await writer.write(mebibyte + 512, filled(9, 512))
    await writer.zero(2 * mebibyte, 2 * mebibyte)
    await writer.write(3 * mebibyte + 100, filled(9, 10))
    // Written piece by piece, in no order, until nothing is left to the parent.
    for (const half of [1, 0]) await writer.write(4 * mebibyte + (half * mebibyte) / 2, filled(9, mebibyte / 2))
    await writer.write(5 * mebibyte, filled(9, 512))
    await writer.zero(5 * mebibyte, mebibyte)
    await writer.close()
    const at = (unit: number) => BigInt(unit * mebibyte)
    expect(await entries(file, 0, 1, 2, 3, 4, 5, 6, 4096)).toEqual([
      at(4) | 6n,
      at(5) | 7n,
      2n,
      at(7) | 6n,
      at(8) | 6n,
      at(9) | 6n,
      0n,
      at(6) | 6n,
    ])
    expect(await readChild(file, 3 * mebibyte + 98, 14)).toEqual(Uint8Array.from([0, 0, ...filled(9, 10), 0, 0]))
    expect((await readChild(file, 5 * mebibyte, mebibyte)).every((byte) => byte === 0)).toBe(true)
    expect(await readChild(file, 6 * mebibyte, 1)).toEqual(filled(1, 1))
  })

  it('zeroes whole blocks without writing any', async () => {
    const { store, writes } = noted(memoryFile())
    const { writer } = await child(store, { sizeBytes: 2 ** 40 })
    writes.length = 0
    await writer.zero(0, 2 ** 40)
    await writer.close()
    // A million blocks: 129 pages of the table and two headers.
    expect(writes.length).toBeLessThanOrEqual(131)
  })

  it('goes on after a failed read of the parent', async () => {
    const file = memoryFile('disk')
    let isBroken = true
    const writer = await createVhdx(file, {
      variant: 'differencing',
      sizeBytes: 8 * mebibyte,
      parent: { identity: parentId, relativePath: 'p' },
      readParent: async (_offset, into) => {
        if (isBroken) throw new Error('the parent is away')
        into.fill(1)
      },
    })
    await expect(writer.write(1, filled(9, 1))).rejects.toThrow('the parent is away')
    isBroken = false
    await writer.write(1, filled(9, 1))
    await writer.close()
    expect(await readChild(file, 0, 3)).toEqual(Uint8Array.from([1, 9, 1]))
    // Headers, log, metadata and table, then one block of 2 MiB and one sector bitmap: nothing was given away.
    expect(file.sizeBytes).toBe(7 * mebibyte)
  })
})

describe('a dynamic image', () => {
  it('does not grow for zeros', async () => {
    const file = memoryFile('disk')
    const writer = await createVhdx(file, plain)
    await writer.zero(0, plain.sizeBytes)
    await writer.zero(100, 1000)
    await writer.close()
    expect(file.sizeBytes).toBe(4 * mebibyte)
  })

  it('writes zeros over what was written', async () => {
    const file = memoryFile('disk')
    const writer = await createVhdx(file, plain)
    await writer.write(0, filled(9, 3 * mebibyte))
    await writer.zero(1000, 2 * mebibyte)
    await writer.close()
    await using image = await openImage(file.named(), { codecs: [vhdxCodec] })
    const read = new Uint8Array(3 * mebibyte)
    await image.read(0, read)
    const expected = filled(9, 3 * mebibyte).fill(0, 1000, 1000 + 2 * mebibyte)
    expect(Buffer.compare(read, expected)).toBe(0)
  })
})
