import { randomBytes } from 'node:crypto'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { dataKeyring } from '../src/repository/data-key.js'
import { type EnvelopeContext, openEnvelope, sealEnvelope } from '../src/repository/envelope.js'
import { frameTableBytes, maxFrameChunks, readFrameTable, writeFrameTable } from '../src/repository/frame.js'
import { decodeIndex, encodeIndex } from '../src/repository/index-object.js'
import type { ObjectStore } from '../src/repository/object-store.js'
import { encodePackHeader, encodePackTail } from '../src/repository/pack-format.js'
import { framesOf, readPackContents } from '../src/repository/pack-reader.js'

const key = { id: Buffer.from('0011223344556677', 'hex'), bytes: Buffer.alloc(32, 9) }
const keyed: EnvelopeContext = { repositoryId: 'ab'.repeat(16), keyring: dataKeyring(key, [key]), randomBytes }
const open: EnvelopeContext = { ...keyed, keyring: undefined }
const damage = expect.objectContaining({ code: 'E_DAMAGED' })

/** Flips one bit of every byte in turn. */
function* flips(bytes: Buffer): Generator<Buffer> {
  for (let at = 0; at < bytes.length; at++) {
    const altered = Buffer.from(bytes)
    altered[at] = (altered[at] ?? 0) ^ (1 << (at % 8))
    yield altered
  }
}

describe.for([['sealed', keyed] as const, ['in clear', open] as const])('an envelope %s', ([, context]) => {
  test('opens under its own name only, and only unaltered', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 300 }), (payload) => {
        const sealed = Buffer.concat(sealEnvelope('points/a/b', [payload], context))
        expect(openEnvelope('points/a/b', sealed, context).equals(payload)).toBe(true)
        expect(() => openEnvelope('points/a/c', sealed, context)).toThrow(damage)
        expect(() => openEnvelope('points/a/b', sealed, { ...context, repositoryId: 'cd'.repeat(16) })).toThrow(damage)
        for (const altered of flips(sealed)) expect(() => openEnvelope('points/a/b', altered, context)).toThrow(damage)
        for (let end = 0; end < sealed.length; end += 7) {
          expect(() => openEnvelope('points/a/b', sealed.subarray(0, end), context)).toThrow(damage)
        }
        expect(() => openEnvelope('points/a/b', Buffer.concat([sealed, Buffer.alloc(1)]), context)).toThrow(damage)
      }),
      { numRuns: 25 },
    )
  })

  test('refuses whatever else comes', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), fc.boolean(), (bytes, looksRight) => {
        const given = Buffer.from(bytes)
        if (looksRight && given.length >= 6)
          Buffer.from([72, 70, 79, 66, 1, context.keyring === undefined ? 0 : 1]).copy(given)
        expect(() => openEnvelope('index/x', given, context)).toThrow(damage)
      }),
    )
  })
})

const packId = '0123456789abcdef'.repeat(2)

function packOf(context: EnvelopeContext, frames: readonly number[]): Buffer {
  const header = encodePackHeader({
    packId: Buffer.from(packId, 'hex'),
    repositoryId: context.repositoryId,
    kind: 'data',
    dataKeyId: context.keyring === undefined ? Buffer.alloc(8) : key.id,
  })
  let at = header.length
  const chunks = frames.map((frameBytes, i) => {
    at += frameBytes
    return {
      id: Buffer.alloc(32, i + 1),
      frameOffset: at - frameBytes,
      frameBytes,
      plainOffset: 40,
      plainBytes: frameBytes,
    }
  })
  const body = Buffer.alloc(at - header.length, 0x55)
  const chain = [{ id: 'zstd', version: 1, parameters: { level: 1 }, keyed: false, authenticates: false }]
  return Buffer.concat([header, body, encodePackTail(header, { chain, chunks }, context)])
}

async function readPack(bytes: Buffer, context: EnvelopeContext) {
  const get = async function* (
    _: unknown,
    { range }: { readonly range?: { readonly offset: number; readonly length: number } },
  ) {
    yield bytes.subarray(range?.offset, range === undefined ? undefined : range.offset + range.length)
  }
  const contents = await readPackContents({ get } as unknown as ObjectStore, context, packId, bytes.length, {
    signal: new AbortController().signal,
  })
  return { contents, frames: framesOf(contents) }
}

describe.for([['sealed', keyed] as const, ['in clear', open] as const])('a pack %s', ([, context]) => {
  test('tells its frames, and notices every altered byte around them', async () => {
    const frames = [100, 30, 500]
    const pack = packOf(context, frames)
    const { frames: found } = await readPack(pack, context)
    expect(found.map(({ frameBytes }) => frameBytes)).toEqual(frames)
    const bodyBytes = 630
    let at = 0
    for (const altered of flips(pack)) {
      const isFrame = at >= 64 && at < 64 + bodyBytes
      at++
      if (!isFrame) await expect(readPack(altered, context)).rejects.toEqual(damage)
    }
    for (let end = 0; end < pack.length; end += 11) {
      await expect(readPack(pack.subarray(0, end), context)).rejects.toEqual(damage)
    }
  })

  test('refuses whatever else comes', async () => {
    await fc.assert(
      fc.asyncProperty(fc.uint8Array({ maxLength: 400 }), async (bytes) => {
        await expect(readPack(Buffer.from(bytes), context)).rejects.toEqual(damage)
      }),
    )
  })
})

test('an index object of any other bytes is damage, never another error', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 400 }), fc.nat(60), fc.nat(3), (bytes, chainBytes, packs) => {
      const payload = Buffer.from(bytes)
      if (payload.length >= 12) {
        payload.writeUInt32LE(chainBytes, 0)
        payload.writeUInt32LE(packs, 4)
      }
      expect(() => decodeIndex('index/x', payload)).toThrow(damage)
    }),
  )
  const chain = [{ id: 'zstd', version: 1, parameters: { level: 1 }, keyed: false, authenticates: false }]
  const pack = { id: packId, kind: 'data' as const, sizeBytes: 5, dataKeyId: '', chain }
  const good = Buffer.concat(encodeIndex({ packs: [pack], records: new Uint32Array(13) }))
  for (const altered of flips(good)) {
    // Without its envelope an altered index may still be one; what it must not do is fail in any other way.
    try {
      decodeIndex('index/x', altered)
    } catch (error) {
      expect(error).toEqual(damage)
    }
  }
})

test('a frame table comes back, and contradictions are noticed', () => {
  fc.assert(
    fc.property(fc.array(fc.nat(5000), { minLength: 1, maxLength: 40 }), (lengths) => {
      const chunks = lengths.map((length, i) => ({ id: Buffer.alloc(32, i), length }))
      const total = lengths.reduce((sum, length) => sum + length, frameTableBytes(lengths.length))
      const frame = new Uint8Array(total)
      writeFrameTable(frame, chunks)
      expect(readFrameTable(frame)?.map(({ length }) => length)).toEqual(lengths)
      expect(readFrameTable(frame.subarray(0, total - 1))).toBeUndefined()
    }),
  )
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 300 }), (bytes) => {
      const found = readFrameTable(bytes)
      for (const { offset, length } of found ?? []) expect(offset + length).toBeLessThanOrEqual(bytes.length)
    }),
  )
  const tooMany = Array.from({ length: maxFrameChunks + 1 }, () => ({ id: Buffer.alloc(32, 1), length: 1 }))
  expect(() => writeFrameTable(new Uint8Array(frameTableBytes(tooMany.length) + tooMany.length), tooMany)).toThrow(
    RangeError,
  )
})
