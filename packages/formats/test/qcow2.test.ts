import { deflateRawSync, zstdCompressSync } from 'node:zlib'
import { describe, expect, it } from 'vitest'
import type { NamedSource } from '../src/bytes/byte-source.js'
import type { DiskImage } from '../src/image/disk-image.js'
import type { ImageProblem } from '../src/image/layer.js'
import { openImage } from '../src/image/open-image.js'
import { createQcow2, qcow2Codec } from '../src/qcow2/index.js'
import { rawCodec } from '../src/raw/index.js'
import { memoryFile } from './support/memory-file.js'
import { everything, outside, patterned, subclustered, versionTwo, zstdFrames } from './support/qcow2-samples.js'
import { dataFileBit, encodeVector, type Vector, type VectorOptions } from './support/qcow2-vectors.js'

function open(bytes: Uint8Array, others: Readonly<Record<string, Uint8Array>> = {}): Promise<DiskImage> {
  const find = async (name: string): Promise<NamedSource | undefined> => {
    const found = others[name]
    return found && memoryFile(name, found).named()
  }
  return openImage(memoryFile('disk', bytes).named(), { codecs: [qcow2Codec, rawCodec], format: 'qcow2', open: find })
}

async function read(image: DiskImage, offset: number, length: number): Promise<Uint8Array> {
  const bytes = new Uint8Array(length).fill(0xcc)
  await image.read(offset, bytes)
  return bytes
}

async function problems(image: DiskImage): Promise<readonly Omit<ImageProblem, 'offset'>[]> {
  const found: Omit<ImageProblem, 'offset'>[] = []
  for await (const { severity, message } of image.problems()) found.push({ severity, message })
  return found
}

const cluster = 512
const text = (value: string) => new TextEncoder().encode(value)
const backingFormat = (name: string) => ({ type: 0xe2792aca, data: text(name) })
const empty = (options: Partial<VectorOptions> = {}): Vector => encodeVector({ sizeBytes: 8 * cluster, ...options })

describe('qcow2: what an image says of itself', () => {
  it('tells its facts', async () => {
    const image = await open(everything().bytes)
    expect(image.layers[0]).toMatchObject({
      format: 'qcow2',
      variant: 'v3',
      sizeBytes: 201 * cluster,
      sectorBytes: 512,
      details: {
        clusterBytes: 512,
        compression: 'zlib',
        refcountBits: 16,
        extendedL2: false,
        lazyRefcounts: false,
        dirty: false,
        markedCorrupt: false,
        snapshots: 2,
      },
    })
    expect((await open(subclustered().bytes)).layers[0].details).toMatchObject({ extendedL2: true })
    expect((await open(zstdFrames().bytes)).layers[0].details).toMatchObject({ compression: 'zstd' })
    const two = await open(versionTwo().bytes, { 'base.raw': new Uint8Array(cluster) })
    expect(two.layers[0].variant).toBe('v2')
    expect(two.layers[0].details).toMatchObject({ backingFile: 'base.raw', backingFormat: 'raw' })
    const split = await open(outside().bytes, { 'disk.data': new Uint8Array(8 * cluster) })
    expect(split.layers[0].details).toMatchObject({ dataFile: 'disk.data', rawDataFile: false })
  })

  it('tells feature bits', async () => {
    const image = await open(empty({ incompatible: 3n, compatible: 1n }).bytes)
    expect(image.layers[0].details).toMatchObject({ dirty: true, markedCorrupt: true, lazyRefcounts: true })
  })

  it('recognises the magic, also of versions that are not read', async () => {
    expect(await qcow2Codec.recognise(memoryFile('a', Uint8Array.of(0x51, 0x46, 0x49, 0xfb)).named())).toBe(true)
    expect(await qcow2Codec.recognise(memoryFile('a', Uint8Array.of(0x51, 0x46, 0x49)).named())).toBe(false)
    expect(await qcow2Codec.recognise(memoryFile('a', text('QFIx')).named())).toBe(false)
  })
})

describe('qcow2: parents', () => {
  const parentOf = async (options: Partial<VectorOptions>) =>
    (
      await qcow2Codec.open(
        memoryFile('disk', empty({ clusterBits: 12, ...options }).bytes).named(),
        async () => undefined,
      )
    ).parent

  it.each([
    ['C:\\vms\\base disk.qcow2', 'qcow2', { names: ['C:\\vms\\base disk.qcow2'], format: 'qcow2' }],
    ['größe/基底.vhd', 'vpc', { names: ['größe/基底.vhd'], format: 'vhd' }],
    ['file:base.raw', 'raw', { names: ['base.raw'], format: 'raw' }],
    ['dir/with:colon.vmdk', 'vmdk', { names: ['dir/with:colon.vmdk'], format: 'vmdk' }],
    ['base.vhdx', 'vhdx', { names: ['base.vhdx'], format: 'vhdx' }],
  ])('names %s', async (backingName, format, parent) => {
    expect(await parentOf({ backingName, extensions: [backingFormat(format)] })).toEqual(parent)
  })

  it('leaves the format open when the image does', async () => {
    expect(await parentOf({ backingName: 'base' })).toEqual({ names: ['base'] })
    expect(await parentOf({ extensions: [backingFormat('raw')] })).toBeUndefined()
  })

  it.each([
    ['json:{"driver":"nbd"}', 'raw', /described by JSON/],
    ['nbd://host/disk', 'raw', /reached through nbd/],
    ['nbd+unix:///?socket=/run/b.sock', 'raw', /nbd\+unix/],
    ['base.qed', 'qed', /of format qed/],
  ])('refuses %s of format %s', async (backingName, format, message) => {
    const opened = parentOf({ backingName, extensions: [backingFormat(format)] })
    await expect(opened).rejects.toMatchObject({
      code: 'unsupported',
      message: expect.stringMatching(message),
      file: 'disk',
    })
  })

  it('shows the parent where it says nothing, and zeros past its end', async () => {
    const base = patterned(4 * cluster + 100, 9)
    const image = await open(versionTwo().bytes, { 'base.raw': base })
    const wanted = new Uint8Array(7 * cluster)
    wanted.set(base)
    wanted.set(patterned(cluster, 1), 3 * cluster)
    wanted.set(patterned(cluster, 3), 5 * cluster)
    expect(await read(image, 0, wanted.byteLength)).toEqual(wanted)
  })
})

describe('qcow2: clusters', () => {
  it('reads each kind', async () => {
    const image = await open(everything().bytes)
    const zeros = new Uint8Array(cluster)
    const wanted = [patterned(cluster, 1), zeros, zeros, zeros, ...[3, 4, 5].map((seed) => patterned(cluster, seed))]
    expect(await read(image, 0, 7 * cluster)).toEqual(new Uint8Array(Buffer.concat(wanted)))
    expect(await read(image, 63 * cluster + 500, 24)).toEqual(
      new Uint8Array([...patterned(cluster, 6).subarray(500), ...patterned(cluster, 7).subarray(0, 12)]),
    )
  })

  it('reads subclusters: stored, zero and absent', async () => {
    const bytes = 16_384
    const image = await open(subclustered().bytes)
    const wanted = patterned(bytes, 2)
    for (let index = 0; index < 32; index++)
      if (((0x8000_0ff1 >>> index) & 1) === 0) wanted.fill(0, index * 512, (index + 1) * 512)
    expect(await read(image, 2 * bytes, bytes)).toEqual(wanted)
    const kinds: string[] = []
    for await (const { offset, length, kind } of image.extents({ offset: 2 * bytes, length: bytes }))
      kinds.push(`${(offset - 2 * bytes) / 512}+${length / 512} ${kind}`)
    expect(kinds).toEqual([
      '0+1 data',
      '1+3 zero',
      '4+8 data',
      '12+8 unallocated',
      '20+4 zero',
      '24+7 unallocated',
      '31+1 data',
    ])
  })

  it('reads several zstd frames, up to a number', async () => {
    const image = await open(zstdFrames().bytes)
    expect(await read(image, 4096, 4096)).toEqual(patterned(4096, 3))
    const frames = Array.from({ length: 17 }, () => zstdCompressSync(new Uint8Array(16).fill(7)))
    const many = encodeVector({
      sizeBytes: cluster,
      incompatible: 8n,
      compressionType: 1,
      clusters: { 0: { kind: 'packed', bytes: Buffer.concat(frames) } },
    })
    await expect(read(await open(many.bytes), 0, cluster)).rejects.toMatchObject({
      code: 'corrupt',
      message: expect.stringContaining('more than 16 parts'),
    })
  })

  it('stops decompressing when a cluster is full, whatever follows', async () => {
    const long = deflateRawSync(patterned(700, 1))
    const vector = encodeVector({
      sizeBytes: 2 * cluster,
      clusters: {
        0: { kind: 'packed', bytes: long },
        1: { kind: 'packed', bytes: Buffer.concat([long, Buffer.alloc(99, 1)]) },
      },
    })
    const image = await open(vector.bytes)
    expect(await read(image, 0, cluster)).toEqual(patterned(700, 1).slice(0, cluster))
    expect(await read(image, cluster, cluster)).toEqual(patterned(700, 1).slice(0, cluster))
  })

  it('reads compressed data at the end of a file that ends within its last sector', async () => {
    const packed = deflateRawSync(patterned(cluster, 1))
    const vector = encodeVector({ sizeBytes: cluster, clusters: { 0: { kind: 'packed', bytes: packed } } })
    const bytes = new Uint8Array([...vector.bytes, ...packed])
    new DataView(bytes.buffer).setBigUint64(vector.entry(0), (1n << 62n) | BigInt(vector.bytes.byteLength))
    expect(await read(await open(bytes), 0, cluster)).toEqual(patterned(cluster, 1))
    await expect(read(await open(bytes.slice(0, -9)), 0, cluster)).rejects.toMatchObject({
      code: 'corrupt',
      message: expect.stringMatching(/compressed cluster for 0 of the disk, at \d+, does not decompress/),
    })
  })

  it('reads a file that ends within its last cluster, and refuses one that ends before it', async () => {
    const writer = memoryFile('disk')
    const image = await createQcow2(writer, { sizeBytes: 4 * cluster, clusterBytes: cluster })
    await image.write(0, patterned(cluster, 1))
    await image.close()
    // Moves the cluster to the end of the file, and cuts it there.
    const bytes = new Uint8Array([...writer.bytes(), ...patterned(100, 2)])
    new DataView(bytes.buffer).setBigUint64(2 * cluster, (1n << 63n) | BigInt(writer.sizeBytes))
    const wanted = new Uint8Array(cluster)
    wanted.set(patterned(100, 2))
    expect(await read(await open(bytes), 0, cluster)).toEqual(wanted)
    await expect(read(await open(bytes.slice(0, -100)), 0, cluster)).rejects.toMatchObject({
      code: 'corrupt',
      message: expect.stringContaining('past the end of the file'),
    })
  })

  it('walks an empty disk of 3 TiB at once', async () => {
    const file = memoryFile('disk')
    await (await createQcow2(file, { sizeBytes: 3 * 2 ** 40 })).close()
    const before = file.reads()
    const image = await openImage(file.named(), { codecs: [qcow2Codec] })
    const started = performance.now()
    const extents: unknown[] = []
    for await (const extent of image.extents()) extents.push(extent)
    expect(extents).toEqual([{ kind: 'unallocated', offset: 0, length: 3 * 2 ** 40, depth: 1 }])
    expect(performance.now() - started).toBeLessThan(500)
    expect(file.reads() - before).toBeLessThan(10)
  })
})

describe('qcow2: data files', () => {
  const data = patterned(8 * cluster, 1)

  it('reads the disk from the file that the image names', async () => {
    const image = await open(outside().bytes, { 'disk.data': data })
    const wanted = new Uint8Array(8 * cluster)
    for (const index of [0, 7]) wanted.set(data.subarray(index * cluster, (index + 1) * cluster), index * cluster)
    expect(await read(image, 0, 8 * cluster)).toEqual(wanted)
    expect(await problems(image)).toEqual([])
  })

  it('closes it', async () => {
    let closed = 0
    const file = { ...memoryFile('disk.data', data).named(), close: async () => void closed++ }
    const layer = await qcow2Codec.open(memoryFile('disk', outside().bytes).named(), async () => file)
    await layer.close()
    expect(closed).toBe(1)
  })

  it('misses it when it is not there, not named, or cut off', async () => {
    await expect(open(outside().bytes)).rejects.toMatchObject({ code: 'missing-file' })
    await expect(open(empty({ incompatible: dataFileBit }).bytes)).rejects.toMatchObject({ code: 'missing-file' })
    const image = await open(outside().bytes, { 'disk.data': data.subarray(0, -1) })
    await expect(read(image, 7 * cluster, cluster)).rejects.toMatchObject({ code: 'corrupt', file: 'disk.data' })
  })

  it('is a file, not a protocol', async () => {
    const extensions = [{ type: 0x44415441, data: text('nbd://host') }]
    await expect(open(empty({ incompatible: dataFileBit, extensions }).bytes)).rejects.toMatchObject({
      code: 'unsupported',
    })
  })
})

describe('qcow2: bitmaps', () => {
  it('tells which can be relied on, and what they record', async () => {
    const image = await open(everything().bytes)
    const found: unknown[] = []
    for (const { name, usable, dirty } of image.layers[0].bitmaps) {
      let bytes = 0
      for await (const { length } of dirty()) bytes += length
      found.push([name, usable, bytes / cluster])
    }
    const bits = patterned(cluster, 1)
    let set = 0
    for (let bit = 0; bit < 201; bit++) set += ((bits[bit >> 3] ?? 0) >> (bit & 7)) & 1
    expect(found).toEqual([
      ['daily', true, set],
      ['old', false, 201],
      ['stopped', false, 0],
      ['strange', false, 201],
    ])
  })

  it('joins stretches over clusters of bits, and ends with the disk', async () => {
    const bits = new Uint8Array(cluster)
    bits[511] = 0x80
    const bitmaps = [{ name: 'b', flags: 2, granularityBits: 9, table: [bits, 'ones', 'zeros', 'ones'] as const }]
    const image = await open(encodeVector({ sizeBytes: (3 * 4096 + 10) * cluster, bitmaps }).bytes)
    const ranges: unknown[] = []
    for await (const { offset, length } of image.layers[0].bitmaps[0]?.dirty() ?? [])
      ranges.push([offset / cluster, length / cluster])
    expect(ranges).toEqual([
      [4095, 4097],
      [3 * 4096, 10],
    ])
  })

  it('has none when another program may have written to the disk', async () => {
    const bitmaps = [{ name: 'b', flags: 2, granularityBits: 9, table: ['zeros'] as const }]
    const image = await open(empty({ bitmaps, autoclear: 0n }).bytes)
    expect(image.layers[0].bitmaps).toEqual([])
    expect(await problems(image)).toMatchObject([
      { severity: 'note', message: expect.stringContaining('bitmaps are left out') },
      { severity: 'leak' },
    ])
  })
})
