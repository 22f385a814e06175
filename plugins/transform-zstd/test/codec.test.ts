import { randomBytes } from 'node:crypto'
import { zstdCompressSync, zstdDecompressSync } from 'node:zlib'
import { describe, expect, it } from 'vitest'
import { createCodec } from '../src/codec.js'
import { bindings, codecOver, context } from './bindings.js'

const mebibyte = 2 ** 20

/** Half noise, half repetition: shrinks, and not to nothing. */
function sample(sizeBytes: number): Uint8Array {
  const bytes = new Uint8Array(sizeBytes).fill(0x2a)
  bytes.set(randomBytes(sizeBytes >> 1))
  return bytes
}

function shared(bytes: Uint8Array, offset = 3): Uint8Array {
  const view = new Uint8Array(new SharedArrayBuffer(bytes.length + offset), offset)
  view.set(bytes)
  return view
}

describe('createCodec', () => {
  it('refuses data of a later version and names it', () => {
    expect(() => createCodec({ level: 3 }, 2)).toThrow(
      expect.objectContaining({ code: 'E_TRANSFORM', context: { version: 2 } }),
    )
  })

  it.each([{}, { level: 'high' }, { level: 23 }, { level: 2.5 }])('refuses the parameters %j', (parameters) => {
    expect(() => createCodec(parameters, 1)).toThrow(expect.objectContaining({ code: 'E_TRANSFORM' }))
  })
})

describe.each(bindings)('the codec over %s', (_, open) => {
  it.each([-7, 1, 3, 19, 22])('restores what it compressed at level %i', (level) => {
    const codec = codecOver(open, level)
    const input = sample(mebibyte)
    const encoded = new Uint8Array(input.length)
    const length = codec.encode(input, encoded, context)
    expect(length).toBeLessThan(0.6 * input.length)
    const decoded = new Uint8Array(input.length)
    expect(codec.decode(encoded.subarray(0, length), decoded, context)).toBe(input.length)
    expect(Buffer.compare(decoded, input)).toBe(0)
  })

  it.each([1, 2, 3])('finds at level %i what was anywhere before in the frame', (level) => {
    const half = randomBytes(1.5 * mebibyte)
    const input = Buffer.concat([half, half])
    const encoded = new Uint8Array(input.length)
    expect(codecOver(open, level).encode(input, encoded, context)).toBeLessThan(0.55 * input.length)
  })

  it('compresses a frame of which only an eighth can be', () => {
    const input = randomBytes(4 * mebibyte)
    for (let at = 0; at < input.length; at += 512 * 1024) input.fill('text', at, at + 64 * 1024)
    const length = codecOver(open, 1).encode(input, new Uint8Array(input.length), context)
    expect(length).toBeLessThan(0.9 * input.length)
  })

  it('compresses harder at a higher level', () => {
    const words = ['disk', 'recovery', 'point', 'machine', 'extent', 'chunk', 'pack', 'target', 'source', 'freeze']
    const text = Buffer.from(Array.from({ length: 40_000 }, (_, i) => words[(i * i * 31 + (i >> 3)) % 10]).join(' '))
    const sizeAt = (level: number) =>
      codecOver(open, level).encode(text, new Uint8Array(text.length), context) ?? Number.NaN
    expect(sizeAt(19)).toBeLessThan(0.9 * sizeAt(1))
  })

  it('works on shared memory at odd offsets', () => {
    const codec = codecOver(open)
    const input = shared(sample(mebibyte))
    const encoded = shared(new Uint8Array(input.length), 5)
    const length = codec.encode(input, encoded, context)
    const decoded = shared(new Uint8Array(input.length), 1)
    expect(codec.decode(encoded.subarray(0, length), decoded, context)).toBe(input.length)
    expect(Buffer.compare(Buffer.from(decoded), Buffer.from(input))).toBe(0)
  })

  it('leaves a frame alone that would not shrink by a thirty-second', () => {
    const noise = randomBytes(64 * 1024)
    const output = new Uint8Array(noise.length)
    expect(codecOver(open).encode(noise, output, context)).toBeUndefined()
    const barelyEnough = Uint8Array.from(noise).fill(0, noise.length - 4000)
    expect(codecOver(open).encode(barelyEnough, output, context)).toBeLessThanOrEqual((noise.length * 31) / 32)
    const notQuite = Uint8Array.from(noise).fill(0, noise.length - 1600)
    expect(codecOver(open).encode(notQuite, output, context)).toBeUndefined()
  })

  it.each([0, 1, 31, 32])('leaves a frame of %i bytes alone or restores it', (sizeBytes) => {
    const codec = codecOver(open)
    const input = new Uint8Array(sizeBytes)
    const encoded = new Uint8Array(sizeBytes)
    const length = codec.encode(input, encoded, context)
    if (length === undefined) return expect(sizeBytes).toBeLessThan(32)
    const decoded = new Uint8Array(sizeBytes).fill(1)
    expect(codec.decode(encoded.subarray(0, length), decoded, context)).toBe(sizeBytes)
    expect(decoded).toEqual(input)
  })

  it('never writes past the end of what it returns room for', () => {
    const codec = codecOver(open)
    const memory = new Uint8Array(8192).fill(0xee)
    const length = codec.encode(new Uint8Array(4096), memory.subarray(0, 4096), context)
    expect(memory.subarray(4096).every((byte) => byte === 0xee)).toBe(true)
    const encoded = memory.slice(0, length)
    memory.fill(0xee)
    codec.decode(encoded, memory.subarray(0, 4096), context)
    expect(memory.subarray(4096).every((byte) => byte === 0xee)).toBe(true)
  })

  it('writes one standard frame that states its content size', () => {
    const input = sample(mebibyte)
    const encoded = new Uint8Array(input.length)
    const length = codecOver(open).encode(input, encoded, context)
    expect(zstdDecompressSync(encoded.subarray(0, length)).equals(input)).toBe(true)
    expect(Buffer.from(encoded.subarray(0, 4)).readUInt32LE()).toBe(0xfd2fb528)
    // A single segment with a four-byte content size: a reader can allocate exactly, before it decodes.
    expect(encoded[4]).toBe(0b1010_0000)
    expect(Buffer.from(encoded.subarray(5, 9)).readUInt32LE()).toBe(mebibyte)
  })

  it('goes on working after frames that it refused', () => {
    const codec = codecOver(open)
    const output = new Uint8Array(mebibyte)
    const input = sample(mebibyte)
    const encoded = new Uint8Array(mebibyte)
    for (let round = 0; round < 3; round++) {
      expect(codec.encode(randomBytes(mebibyte), encoded, context)).toBeUndefined()
      expect(() => codec.decode(randomBytes(100), output, context)).toThrow()
      const length = codec.encode(input, encoded, context)
      expect(codec.decode(encoded.subarray(0, length), output, context)).toBe(mebibyte)
      expect(Buffer.compare(output, input)).toBe(0)
    }
  })

  describe('calls it damage', () => {
    const plain = sample(64 * 1024)
    const frame = zstdCompressSync(plain)
    const cases: [what: string, input: Uint8Array, roomBytes?: number][] = [
      ['nothing at all', new Uint8Array(0)],
      ['noise', randomBytes(1000)],
      ['a header alone', frame.subarray(0, 6)],
      ['a truncated frame', frame.subarray(0, frame.length - 1)],
      ['a frame of more than fits', frame, plain.length - 1],
      ['a frame for an empty room', frame, 0],
      ['bytes after the frame', Buffer.concat([frame, Buffer.from('more')])],
      ['a second frame', Buffer.concat([frame, zstdCompressSync(Buffer.alloc(10))]), plain.length + 10],
      ['an empty frame after a full one', Buffer.concat([frame, zstdCompressSync(Buffer.alloc(0))])],
      ['a frame that follows an empty one', Buffer.concat([zstdCompressSync(Buffer.alloc(0)), frame])],
      ['a content size of 2^62', Buffer.from([0x28, 0xb5, 0x2f, 0xfd, 0xe0, 0, 0, 0, 0, 0, 0, 0, 0x40, 1, 0, 0])],
      ['a frame that needs dictionary 5', Buffer.from([0x28, 0xb5, 0x2f, 0xfd, 0x21, 5, 1, 9, 0, 0, 0x61])],
      ['a frame that stops before its stated size', Buffer.from([0x28, 0xb5, 0x2f, 0xfd, 0x20, 2, 9, 0, 0, 0x61])],
    ]
    it.each(cases)('%s', (_, input, roomBytes) => {
      const output = new Uint8Array(roomBytes ?? plain.length)
      expect(() => codecOver(open).decode(input, output, context)).toThrow(
        expect.objectContaining({
          code: 'E_DAMAGED',
          plugin: 'zstd',
          operation: 'transform.decode',
          context: { sequence: context.sequence },
        }),
      )
    })
  })
})
