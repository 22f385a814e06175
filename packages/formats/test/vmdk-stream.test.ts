import { deflateSync } from 'node:zlib'
import { describe, expect, it } from 'vitest'
import { openImage } from '../src/image/open-image.js'
import { createVmdk, vmdkCodec } from '../src/vmdk/index.js'
import { memoryFile } from './support/memory-file.js'
import { problemsOf } from './support/vmdk-files.js'
import {
  bytesFrom,
  expectRefused,
  oneFile,
  openFiles,
  patched,
  reworded,
  smallDisk,
  vmdkFiles,
} from './support/vmdk-memory.js'

const grain = 65_536

describe('streams', () => {
  const stream = () => oneFile({ kind: 'streamOptimized' })
  /** Where the first grain's marker is. */
  const marker = 65_536

  it('are written as the specification lays them out', async () => {
    const bytes = await stream()
    const view = new DataView(bytes.buffer)
    const end = bytes.byteLength
    expect(view.getBigUint64(56, true)).toBe(2n ** 64n - 1n)
    expect([view.getUint32(4, true), view.getUint32(8, true)]).toEqual([3, 0x30001])
    expect(view.getBigUint64(64, true)).toBe(128n)
    // The last three sectors: footer marker, footer, end of stream.
    expect([
      view.getBigUint64(end - 1536, true),
      view.getUint32(end - 1528, true),
      view.getUint32(end - 1524, true),
    ]).toEqual([1n, 0, 3])
    const directory = Number(view.getBigUint64(end - 1024 + 56, true)) * 512
    expect(Buffer.compare(bytes.subarray(0, 56), bytes.subarray(end - 1024, end - 1024 + 56))).toBe(0)
    expect(bytes.subarray(end - 512).every((byte) => byte === 0)).toBe(true)
    expect(directory + 512).toBe(end - 1536)
    expect([view.getBigUint64(directory - 512, true), view.getUint32(directory - 500, true)]).toEqual([1n, 2])
    const table = view.getUint32(directory, true) * 512
    expect([view.getBigUint64(table - 512, true), view.getUint32(table - 500, true)]).toEqual([4n, 1])
    expect(table + 2048).toBe(directory - 512)
    // Grains stand in the order of the disk, from the first sector behind the overhead on.
    expect(view.getUint32(table + 4, true) * 512).toBe(marker)
    expect(view.getBigUint64(marker, true)).toBe(128n)
    expect(view.getUint32(table + 20, true)).toBe(128 + Math.ceil((12 + view.getUint32(marker + 8, true)) / 512))
  })

  it('write nothing before what was written', async () => {
    const sink = memoryFile('disk')
    const offsets: number[] = []
    const writes = {
      ...sink,
      write: async (at: number, bytes: Uint8Array) => {
        offsets.push(at)
        await sink.write(at, bytes)
      },
    }
    const writer = await createVmdk(writes, { kind: 'streamOptimized', sizeBytes: 2 ** 30, name: 'disk' })
    for (let at = 0; at < 40 * grain; at += grain) await writer.write(at, crypto.getRandomValues(new Uint8Array(grain)))
    await writer.write(2 ** 29, new Uint8Array(1000).fill(1))
    await writer.close()
    expect(offsets).toEqual(offsets.toSorted((a, b) => a - b))
    expect(offsets.length).toBeLessThan(6)
  })

  it.each([
    ['was cut', (bytes: Uint8Array) => bytes.subarray(0, bytes.byteLength - 512), /no footer/],
    ['was never finished', (bytes: Uint8Array) => bytes.subarray(0, 65_536), /no footer/],
    [
      'has a footer of another size',
      (bytes: Uint8Array) => patched(bytes, [[bytes.byteLength - 1024 + 12, 8, 1]]),
      /differ in capacity/,
    ],
    [
      'has a footer without a directory',
      (bytes: Uint8Array) => patched(bytes, [[bytes.byteLength - 1024 + 56, 8, 2n ** 64n - 1n]]),
      /names no grain directory/,
    ],
    [
      'has a grain of another place',
      (bytes: Uint8Array) => patched(bytes, [[marker, 8, 256]]),
      /marker there is of sector 256/,
    ],
    ['has a grain of no length', (bytes: Uint8Array) => patched(bytes, [[marker + 8, 4, 0]]), /claims 0 compressed/],
    [
      'has a grain that is far too long',
      (bytes: Uint8Array) => patched(bytes, [[marker + 8, 4, 2 * grain + 1]]),
      /claims 131073 compressed/,
    ],
    [
      'has a grain that ends behind the file',
      (bytes: Uint8Array) => patched(bytes, [[marker + 8, 4, grain]]),
      /not within|cannot be decompressed/,
    ],
    ['has a damaged grain', (bytes: Uint8Array) => patched(bytes, [[marker + 100, 8, 0]]), /cannot be decompressed/],
  ])('are refused when the file %s', async (_name, change, message) => {
    await expectRefused({ disk: change(await stream()) }, 'corrupt', message)
  })

  it.each([
    ['is too short', grain - 1, /holds 65535 bytes instead of 65536/],
    ['is too long', grain + 1, /cannot be decompressed/],
  ])('are refused when a grain, decompressed, %s', async (_name, length, message) => {
    const bytes = await stream()
    const packed = deflateSync(new Uint8Array(length))
    const changed = patched(bytes, [[marker + 8, 4, packed.byteLength]])
    changed.set(packed, marker + 12)
    await expectRefused({ disk: changed }, 'corrupt', message)
  })

  it('check grains by their markers, and markers at the end', async () => {
    const bytes = await stream()
    const end = bytes.byteLength
    for (const [changes, severity, message] of [
      [[[marker, 8, 256]], 'corrupt', /marker there is of sector 256/],
      [[[end - 1524, 4, 9]], 'note', /no marker stands before the footer/],
      [[[end - 500, 4, 9]], 'note', /no end-of-stream marker/],
    ] as const) {
      await using image = await openFiles({ disk: patched(bytes, changes) })
      expect(await problemsOf(image)).toContainEqual({ severity, message: expect.stringMatching(message) })
    }
  })

  it('read a grain with one read where they know where it ends', async () => {
    const file = memoryFile('disk', await stream())
    await using image = await openImage(file.named(), { codecs: [vmdkCodec] })
    await image.read(grain, new Uint8Array(1))
    const before = file.reads()
    await image.read(5 * grain, new Uint8Array(grain))
    expect(file.reads() - before).toBe(1)
  })

  it('check a grain once, however many entries lead to it', async () => {
    const sizeBytes = 512 * grain
    const { disk = new Uint8Array() } = await vmdkFiles(smallDisk(2 * grain), { kind: 'streamOptimized' })
    const end = disk.byteLength
    const large = patched(reworded(disk, 'RW 256 ', `RW ${sizeBytes / 512} `), [
      [12, 8, sizeBytes / 512],
      [end - 1024 + 12, 8, sizeBytes / 512],
    ])
    // The one table lies before the directory's marker and the directory.
    const table = end - 1536 - 1024 - 2048
    new Uint32Array(large.buffer, table, 512).fill(128)
    const file = memoryFile('disk', large)
    await using image = await openImage(file.named(), { codecs: [vmdkCodec] })
    const before = file.reads()
    expect((await problemsOf(image)).filter(({ message }) => message.includes('lies where')).length).toBeGreaterThan(
      500,
    )
    expect(file.reads() - before).toBeLessThan(10)
  })

  it('read a grain that is longer compressed than it was', async () => {
    const data = smallDisk(2 * grain).subarray(grain)
    const bytes = Buffer.from((await vmdkFiles(smallDisk(2 * grain), { kind: 'streamOptimized' }))['disk'] ?? [])
    const packed = storedZlib(data, 40)
    expect(packed.byteLength).toBeGreaterThan(grain + 1024)
    const record = Buffer.alloc(Math.ceil((packed.byteLength + 12) / 512) * 512)
    record.writeBigUInt64LE(128n, 0)
    record.writeUInt32LE(packed.byteLength, 8)
    record.set(packed, 12)
    // Everything from the table's marker on moves behind the longer grain.
    const end = bytes.byteLength
    const tail = end - 1536 - 1024 - 2048 - 512
    const moved = (record.byteLength - (tail - marker)) / 512
    const changed = Buffer.concat([bytes.subarray(0, marker), record, bytes.subarray(tail)])
    const directory = changed.byteLength - 1536 - 512
    changed.writeUInt32LE(changed.readUInt32LE(directory) + moved, directory)
    const footer = changed.byteLength - 1024 + 56
    changed.writeBigUInt64LE(changed.readBigUInt64LE(footer) + BigInt(moved), footer)
    expect(Buffer.compare((await bytesFrom({ disk: changed })).subarray(grain), data)).toBe(0)
  })
})

/** zlib (RFC 1950) of blocks that are stored as they are, five bytes being said before each. */
function storedZlib(data: Uint8Array, blockBytes: number): Uint8Array {
  const parts: Buffer[] = [Buffer.from([0x78, 0x01])]
  let [a, b] = [1, 0]
  for (const byte of data) {
    a = (a + byte) % 65_521
    b = (b + a) % 65_521
  }
  for (let at = 0; at < data.byteLength; at += blockBytes) {
    const block = data.subarray(at, at + blockBytes)
    const head = Buffer.alloc(5)
    head.writeUInt8(at + blockBytes >= data.byteLength ? 1 : 0, 0)
    head.writeUInt16LE(block.byteLength, 1)
    head.writeUInt16LE(0xffff - block.byteLength, 3)
    parts.push(head, Buffer.from(block))
  }
  const sum = Buffer.alloc(4)
  sum.writeUInt32BE(b * 65_536 + a)
  return Buffer.concat([...parts, sum])
}
