import { randomBytes } from 'node:crypto'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { type ChainLink, loadCodecChain } from '../src/repository/codec-chain.js'
import { newPackRoom } from '../src/repository/pack-room.js'

/** Codecs as modules of their own, as workers load them. */
function link(id: string, code: string, overheadBytes: number, exactOverhead: boolean, keyed = false): ChainLink {
  const module = `data:text/javascript,${encodeURIComponent(`export const createCodec = () => (${code})`)}`
  return { id, version: 1, parameters: {}, keyed, authenticates: false, module, overheadBytes, exactOverhead }
}

const inverting = `{
  encode: (input, output) => { input.forEach((byte, i) => { output[i] = byte ^ 0xff }); output[input.length] = 7; return input.length + 1 },
  decode: (input, output) => { input.subarray(0, -1).forEach((byte, i) => { output[i] = byte ^ 0xff }); return input.length - 1 },
}`
/** Drops the second half if it repeats the first. */
const halving = `{
  encode: (input, output) => {
    const half = input.length / 2
    if (!input.every((byte, i) => byte === input[(i + half) % input.length])) return undefined
    output.set(input.subarray(0, half))
    return half
  },
  decode: (input, output) => { output.set(input); output.set(input, input.length); return input.length * 2 },
}`

const exact = link('exact', inverting, 1, true, true)
const atMost = link('at-most', inverting, 5, false)
const shrinking = link('shrinking', halving, 0, false)
const pack = { packId: new Uint8Array(16), keys: [] }

describe('a chain of codecs', () => {
  test.for([
    ['no codec', []],
    ['one of exact overhead', [exact]],
    ['one that adds less than it may', [atMost]],
    ['one that leaves some frames as they are', [shrinking]],
    ['one of exact overhead behind one that shrinks', [shrinking, exact]],
    ['one of exact overhead before others', [exact, atMost, shrinking]],
  ] as const)('with %s lays frames without gap and gives them back', async ([, links]) => {
    using chain = await loadCodecChain(links)
    const plain = fc.oneof(
      fc.uint8Array({ maxLength: 50 }),
      fc.uint8Array({ maxLength: 50 }).map((half) => Uint8Array.of(...half, ...half)),
    )
    fc.assert(
      fc.property(fc.array(plain, { maxLength: 5 }), (frames) => {
        const room = newPackRoom(100_000)
        room.startAt(64)
        const context = { ...pack, keys: links.map(({ keyed }) => (keyed ? randomBytes(32) : undefined)) }
        const places = frames.map((frame, sequence) => chain.encode(frame, room, sequence, context))
        let end = 64
        for (const [i, { offset, bytes }] of places.entries()) {
          expect(offset).toBe(end)
          end += bytes.length
          expect(Buffer.compare(chain.decode(bytes, new Uint8Array(1000), context), frames[i] as Uint8Array)).toBe(0)
        }
        expect(room.claim(0).offset).toBe(end)
      }),
    )
  })

  test.for([
    ['fewer bytes', `{ encode: (input) => input.length }`, /made 10 bytes of 10/],
    ['more bytes', `{ encode: (input) => input.length + 2 }`, /made 12 bytes of 10/],
    ['nothing', `{ encode: () => undefined }`, /made no bytes of 10/],
  ] as const)('refuses a codec of exact overhead that makes %s', async ([, code, because]) => {
    using chain = await loadCodecChain([link('liar', code, 1, true)])
    const encode = () => chain.encode(new Uint8Array(10), newPackRoom(1000), 0, pack)
    expect(encode).toThrow(because)
    expect(encode).toThrow(expect.objectContaining({ code: 'E_PLUGIN_INVALID', plugin: 'liar' }))
  })
})
