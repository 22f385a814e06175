import { constants, createZstdCompress, zstdCompressSync } from 'node:zlib'
import { describe, expect, it } from 'vitest'
import type { DiskImage } from '../src/image/disk-image.js'
import type { ImageErrorCode } from '../src/image/image-error.js'
import { type Change, changed, openBytes } from './support/qcow2-memory.js'
import { everything, featureName, outside, subclustered, versionTwo } from './support/qcow2-samples.js'
import { encodeVector, type Vector, type VectorBitmap } from './support/qcow2-vectors.js'

const cluster = 512
const whole = everything()
const size = whole.bytes.byteLength

describe('qcow2: what is refused when an image is opened', () => {
  const rules: readonly (readonly [string, readonly Change[], ImageErrorCode, RegExp])[] = [
    ['another magic', [[0, 4, 1]], 'unknown-format', /does not begin/],
    ['version 1', [[4, 4, 1]], 'unsupported', /version 1/],
    ['version 4', [[4, 4, 4]], 'unsupported', /version 4/],
    ['clusters too small', [[20, 4, 8]], 'corrupt', /2\^8 bytes/],
    ['clusters too large', [[20, 4, 22]], 'corrupt', /2\^22 bytes/],
    [
      'a backing name outside the first cluster',
      [
        [8, 8, 500],
        [16, 4, 20],
      ],
      'corrupt',
      /backing file, 20 bytes at 500/,
    ],
    [
      'a backing name that is too long',
      [
        [8, 8, 300],
        [16, 4, 1024],
      ],
      'corrupt',
      /1024 bytes/,
    ],
    ['AES', [[32, 4, 1]], 'encrypted', /AES/],
    ['LUKS', [[32, 4, 2]], 'encrypted', /LUKS/],
    ['an encryption nobody knows', [[32, 4, 3]], 'corrupt', /method 3/],
    ['an L1 table that is too short', [[36, 4, 3]], 'corrupt', /too short/],
    ['an L1 table larger than the file', [[36, 4, 100_000]], 'corrupt', /L1 table/],
    ['an L1 table above the limit', [[36, 4, 4_194_305]], 'limit', /L1 table/],
    ['an L1 table off its cluster', [[40, 8, whole.l1 + 8]], 'corrupt', /does not begin with a cluster/],
    ['an L1 table past the end', [[40, 8, 2 ** 40]], 'corrupt', /not within/],
    ['a disk beyond its L1 table', [[24, 8, 2 ** 40]], 'corrupt', /too short/],
    ['a disk beyond all numbers', [[24, 8, 2n ** 63n]], 'corrupt', /more than any disk/],
    ['a refcount table off its cluster', [[48, 8, whole.refcountTable + 8]], 'corrupt', /refcount table/],
    ['a refcount table past the end', [[56, 4, 1000]], 'corrupt', /refcount table/],
    ['a refcount table above the limit', [[56, 4, 16_385]], 'limit', /refcount table/],
    ['too many snapshots', [[60, 4, 65_537]], 'limit', /snapshot table/],
    ['more snapshots than there is room for', [[60, 4, 60_000]], 'corrupt', /snapshot table/],
    ['a snapshot table off its cluster', [[64, 8, whole.snapshots + 4]], 'corrupt', /snapshot table/],
    ['an incompatible feature', [[72, 8, 1n << 40n]], 'unsupported', /bit 40/],
    ['a raw data file without a data file', [[88, 8, 2]], 'corrupt', /external data file is raw/],
    ['refcounts too wide', [[96, 4, 7]], 'corrupt', /2\^7 bits/],
    ['a header that is too short', [[100, 4, 96]], 'corrupt', /96 bytes long/],
    ['a header of an odd length', [[100, 4, 109]], 'corrupt', /109 bytes long/],
    ['a header longer than its cluster', [[100, 4, 520]], 'corrupt', /520 bytes long/],
    ['compression without its feature bit', [[104, 1, 1]], 'corrupt', /type 1/],
    [
      'a compression nobody knows',
      [
        [72, 8, 8],
        [104, 1, 2],
      ],
      'unsupported',
      /type 2/,
    ],
    ['a feature bit without compression', [[72, 8, 8]], 'corrupt', /type 0/],
    ['extended L2 entries in small clusters', [[72, 8, 16]], 'corrupt', /too small/],
    ['snapshots and a data file', [[72, 8, 4]], 'corrupt', /has snapshots/],
    ['an extension that is too long', [[116, 4, 1000]], 'corrupt', /1000 bytes/],
    ['a bitmaps extension of another length', [[116, 4, 25]], 'corrupt', /25 bytes/],
    ['no bitmaps in the extension', [[120, 4, 0]], 'corrupt', /claims 0 bitmaps/],
    ['too many bitmaps', [[120, 4, 65_536]], 'corrupt', /65536 bitmaps/],
    ['more bitmaps than the directory', [[120, 4, 5]], 'corrupt', /ends before entry 4/],
    ['fewer bitmaps than the directory', [[120, 4, 3]], 'corrupt', /after its last entry/],
    ['a bitmap directory past the end', [[128, 8, size]], 'corrupt', /bitmap directory/],
    ['a bitmap directory too large for memory', [[128, 8, 2 ** 52]], 'corrupt', /bitmap directory/],
    ['a bitmap directory off its cluster', [[136, 8, whole.bitmapDirectory + 8]], 'corrupt', /begin with a cluster/],
  ]
  it.each(rules)('%s', async (_name, changes, code, message) => {
    const error = { code, message: expect.stringMatching(message), file: 'disk' }
    await expect(openBytes(changed(whole.bytes, ...changes))).rejects.toMatchObject(error)
  })

  it('unknown features under the names that the image gives them', async () => {
    const bytes = encodeVector({
      sizeBytes: cluster,
      incompatible: (1n << 9n) | (1n << 11n),
      extensions: [{ type: 0x6803f857, data: featureName(0, 9, 'time travel') }],
    }).bytes
    await expect(openBytes(bytes)).rejects.toMatchObject({
      code: 'unsupported',
      message: expect.stringContaining('time travel (bit 9), bit 11'),
      offset: 72,
      hint: expect.stringContaining('qemu-img'),
    })
  })

  it('two extensions of one kind', async () => {
    const format = { type: 0xe2792aca, data: new TextEncoder().encode('raw') }
    const bytes = encodeVector({ sizeBytes: cluster, extensions: [format, format] }).bytes
    await expect(openBytes(bytes)).rejects.toMatchObject({
      code: 'corrupt',
      message: expect.stringContaining('two extensions'),
    })
  })

  it('files that end within the header', async () => {
    for (const length of [4, 71, 80, 103])
      await expect(openBytes(whole.bytes.slice(0, length))).rejects.toMatchObject({ code: 'corrupt' })
  })

  const bitmap: VectorBitmap = { name: 'b', flags: 2, granularityBits: 9, table: ['zeros'] }
  it.each<[string, VectorBitmap | readonly VectorBitmap[], readonly Change[], ImageErrorCode, RegExp]>([
    ['reserved flags', { ...bitmap, flags: 8 }, [], 'corrupt', /reserved flags/],
    ['an unknown type', bitmap, [[16, 1, 2]], 'corrupt', /type 2/],
    ['a granularity that is too fine', { ...bitmap, granularityBits: 8 }, [], 'unsupported', /2\^8/],
    ['a granularity that is too coarse', { ...bitmap, granularityBits: 32 }, [], 'unsupported', /2\^32/],
    ['no name', { ...bitmap, name: '' }, [], 'corrupt', /no name/],
    ['the same name twice', [bitmap, bitmap], [], 'corrupt', /two bitmaps named b/],
    ['a table that is too short', { ...bitmap, table: [] }, [], 'corrupt', /too few/],
    ['a table off its cluster', bitmap, [[7, 1, 8]], 'corrupt', /does not begin with a cluster/],
    ['a table past the end', bitmap, [[0, 4, 1]], 'corrupt', /not within/],
    ['an entry longer than the directory', bitmap, [[20, 4, 5000]], 'corrupt', /longer than the directory/],
  ])('a bitmap with %s', async (_name, bitmaps, changes, code, message) => {
    const vector = encodeVector({ sizeBytes: 4096 * cluster, bitmaps: [bitmaps].flat() })
    const bytes = changed(
      vector.bytes,
      ...changes.map(([at, width, value]): Change => [vector.bitmapDirectory + at, width, value]),
    )
    await expect(openBytes(bytes)).rejects.toMatchObject({ code, message: expect.stringMatching(message) })
  })

  it('bitmaps whose tables lie one in another', async () => {
    const bitmaps = Array.from({ length: 12 }, (_, index) => ({
      ...bitmap,
      name: `${index}`,
      table: ['zeros' as const],
    }))
    const vector = encodeVector({ sizeBytes: cluster, bitmaps })
    const first = vector.bitmapTables[0] ?? 0
    const changes = bitmaps.flatMap((_, index): Change[] => {
      const at = vector.bitmapDirectory + index * 32
      return [
        [at, 8, first],
        [at + 8, 4, 192],
      ]
    })
    await expect(openBytes(changed(vector.bytes, ...changes))).rejects.toMatchObject({
      code: 'corrupt',
      message: expect.stringContaining('one in another'),
    })
  })
})

describe('qcow2: what is refused when the disk is read', () => {
  const entry = (vector: Vector, index: number) => vector.entry(index)
  const wide = subclustered()
  const split = outside()
  const rules: readonly (readonly [string, Vector, readonly Change[], RegExp])[] = [
    ['a reserved bit in an L1 entry', whole, [[whole.l1 + 7, 1, 2]], /entry 0 of the L1 table has reserved bits/],
    ['another reserved bit in an L1 entry', whole, [[whole.l1, 1, 0x40]], /reserved bits/],
    ['an L2 table past the end', whole, [[whole.l1 + 3, 1, 1]], /past the end/],
    ['a reserved bit in an L2 entry', whole, [[entry(whole, 0) + 6, 2, 0x602]], /reserved bits/],
    ['another reserved bit in an L2 entry', whole, [[entry(whole, 0), 1, 0x20]], /reserved bits/],
    ['a cluster past the end', whole, [[entry(whole, 0) + 3, 1, 1]], /past the end of the file/],
    ['compressed data past the end', whole, [[entry(whole, 4) + 4, 1, 1]], /not within/],
    [
      'compressed data that is none',
      whole,
      [[(whole.data.get(4) ?? 0) + 2, 4, 0xffffffffn]],
      /does not decompress as zlib|decompresses to/,
    ],
    ['a zero flag in version 2', versionTwo(), [[versionTwo().entry(3) + 7, 1, 1]], /version 2 does not have/],
    ['a cluster off its boundary', wide, [[entry(wide, 0) + 6, 1, 2]], /no cluster begins/],
    ['a zero flag in an extended entry', wide, [[entry(wide, 0) + 7, 1, 1]], /extended entries do not have/],
    ['subclusters both stored and zero', wide, [[entry(wide, 0) + 8, 4, 1]], /both stored and zero/],
    ['stored subclusters without a place', wide, [[entry(wide, 0), 8, 0]], /no place for them/],
    ['a compressed cluster in a data file', split, [[entry(split, 0), 1, 0x40]], /a data file cannot hold/],
    ['a cluster elsewhere in the data file', split, [[entry(split, 7) + 6, 1, 0]], /not to the same place/],
  ]
  it.each(rules)('%s', async (_name, vector, changes, message) => {
    const bytes = changed(vector.bytes, ...changes)
    const image = vector.bytes[7] === 2 ? await openAlone(bytes) : await openBytes(bytes)
    const read = image.read(0, new Uint8Array(Math.min(8 * cluster, image.sizeBytes)))
    await expect(read).rejects.toMatchObject({ code: 'corrupt', message: expect.stringMatching(message) })
  })

  /** Without its parent. */
  async function openAlone(bytes: Uint8Array): Promise<DiskImage> {
    return openBytes(changed(bytes, [8, 8, 0]))
  }

  it('zstd frames that want more memory than every decoder has', async () => {
    const stream = createZstdCompress({ params: { [constants.ZSTD_c_windowLog]: 24 } })
    const parts: Uint8Array[] = []
    stream.on('data', (part: Uint8Array) => parts.push(part))
    const bytes = new Uint8Array(4096).map((_, i) => i * 7)
    await new Promise<void>((resolve) => {
      stream.on('end', resolve)
      // In two parts, so that the frame cannot know its size and claims the whole window.
      stream.write(bytes.subarray(0, 100))
      stream.flush(() => stream.end(bytes.subarray(100)))
    })
    const vector = (frame: Uint8Array) =>
      encodeVector({
        clusterBits: 12,
        sizeBytes: 4096,
        incompatible: 8n,
        compressionType: 1,
        clusters: { 0: { kind: 'packed', bytes: frame } },
      })
    const image = await openBytes(vector(Buffer.concat(parts)).bytes)
    await expect(image.read(0, new Uint8Array(4096))).rejects.toMatchObject({ code: 'corrupt' })
    const fine = await openBytes(vector(zstdCompressSync(bytes)).bytes)
    await expect(fine.read(0, new Uint8Array(4096))).resolves.toBeUndefined()
  })

  it('L1 entries that all lead to one table', async () => {
    const vector = encodeVector({ sizeBytes: 4096 * 64 * cluster, clusters: { 0: { kind: 'zero' } } })
    const table = vector.l2.get(0) ?? 0
    const bytes = changed(
      vector.bytes,
      ...Array.from({ length: 4096 }, (_, i): Change => [vector.l1 + i * 8, 8, (1n << 63n) | BigInt(table)]),
    )
    const image = await openBytes(bytes)
    const walk = async () => {
      for await (const { length } of image.extents()) expect(length).toBeGreaterThan(0)
    }
    await expect(walk()).rejects.toMatchObject({
      code: 'corrupt',
      message: expect.stringContaining('more of L2 tables'),
    })
  })

  it('bitmap tables with reserved bits or clusters past the end, but only when they are read', async () => {
    const table = whole.bitmapTables[0] ?? 0
    for (const change of [
      [table, 1, 1],
      [table + 6, 1, 1],
      [table + 3, 1, 1],
      [table + 7, 1, 1],
    ] as const) {
      const image = await openBytes(changed(whole.bytes, change))
      const walk = async () => {
        for await (const { length } of image.layers[0].bitmaps[0]?.dirty() ?? []) expect(length).toBeGreaterThan(0)
      }
      await expect(walk()).rejects.toMatchObject({ code: 'corrupt', message: expect.stringContaining('bitmap daily') })
    }
  })
})
