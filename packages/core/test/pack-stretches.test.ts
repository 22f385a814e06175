import { describe, expect, test } from 'vitest'
import { type ChunkPlaces, packGroups } from '../src/engine/chunk-places.js'
import { packStretches } from '../src/engine/pack-stretches.js'
import { type ChunkIndex, createChunkIndex, type IndexedPack } from '../src/repository/chunk-index.js'

const idOf = (number: number) => Buffer.alloc(32, number + 1)
const hexOf = (number: number) => idOf(number).toString('hex')

/** A pack with frames of 100 bytes, from byte 64 on, of two chunks of 10 bytes each. */
function framed(index: ChunkIndex, name: string, frames: number, firstChunk: number): IndexedPack {
  const pack: IndexedPack = { id: name.repeat(32), kind: 'data', sizeBytes: 5000, dataKeyId: '', chain: [] }
  const number = index.addPack(pack)
  for (let chunk = 0; chunk < frames * 2; chunk++) {
    index.place(idOf(firstChunk + chunk), {
      pack: number,
      frameOffset: 64 + Math.floor(chunk / 2) * 100,
      frameBytes: 100,
      plainOffset: 76 + (chunk % 2) * 10,
      plainBytes: 10,
    })
  }
  return pack
}

interface Place {
  readonly chunk: number
  readonly disk: number
  readonly offset: number
}

function placesOf(index: ChunkIndex, packs: readonly (readonly [IndexedPack, readonly Place[]])[]): ChunkPlaces {
  const all = packs.flatMap(([, places]) => places)
  let from = 0
  return {
    chunks: Uint32Array.from(all, ({ chunk }) => index.ordinalOf(idOf(chunk))),
    disks: Uint32Array.from(all, ({ disk }) => disk),
    offsets: Float64Array.from(all, ({ offset }) => offset),
    packs: packs.map(([pack, places]) => {
      const range = { need: { pack, disk: 0, places: places.length }, from, end: from + places.length }
      from = range.end
      return range
    }),
  }
}

describe('stretches of packs', () => {
  test('reach from the first frame that is wanted to the last, frames in storage order, places by disk and offset', () => {
    const index = createChunkIndex()
    const pack = framed(index, 'a', 8, 0)
    const other = framed(index, 'b', 2, 20)
    const places = placesOf(index, [
      [
        pack,
        [
          { chunk: 13, disk: 0, offset: 0 },
          { chunk: 4, disk: 0, offset: 50 },
          { chunk: 5, disk: 0, offset: 60 },
          { chunk: 4, disk: 1, offset: 5 },
          { chunk: 6, disk: 2, offset: 2 ** 45 },
        ],
      ],
      [other, [{ chunk: 22, disk: 2, offset: 7 }]],
    ])
    const stretches = [...packStretches(places, index)]
    expect(stretches.map(({ key, offset, length }) => [key.slice(0, 10), offset, length])).toEqual([
      ['packs/aa/a', 264, 500],
      ['packs/bb/b', 164, 100],
    ])
    const frames = stretches[0]?.frames.map(({ frameOffset, frameBytes, pageAt, disk, places: wanted }) => ({
      at: [frameOffset, frameBytes, pageAt, disk],
      wanted: [...wanted],
    }))
    const chunk = (number: number, plainOffset: number, disk: number, diskOffset: number) => ({
      id: hexOf(number),
      plainOffset,
      length: 10,
      disk,
      diskOffset,
    })
    expect(frames).toEqual([
      { at: [264, 100, 76, 0], wanted: [chunk(4, 76, 0, 50), chunk(5, 86, 0, 60), chunk(4, 76, 1, 5)] },
      { at: [364, 100, 76, 2], wanted: [chunk(6, 76, 2, 2 ** 45)] },
      { at: [664, 100, 86, 0], wanted: [chunk(13, 86, 0, 0)] },
    ])
  })

  test('of a pack that is larger than is read at once are several, each within the limit', () => {
    const index = createChunkIndex()
    const pack = framed(index, 'c', 10, 0)
    const all = Array.from({ length: 20 }, (_, chunk) => ({ chunk, disk: 0, offset: chunk * 10 }))
    const stretches = [...packStretches(placesOf(index, [[pack, all]]), index, 350)]
    expect(stretches.map(({ offset, length, frames }) => [offset, length, frames.length])).toEqual([
      [64, 300, 3],
      [364, 300, 3],
      [664, 300, 3],
      [964, 100, 1],
    ])
  })

  test('are never longer than the limit, whatever an index says of a frame', () => {
    const index = createChunkIndex()
    const pack: IndexedPack = { id: 'd'.repeat(32), kind: 'data', sizeBytes: 5000, dataKeyId: '', chain: [] }
    const place = { pack: index.addPack(pack), frameOffset: 64, plainOffset: 40, plainBytes: 10 }
    index.place(idOf(0), { ...place, frameBytes: 0xffffffff })
    index.place(idOf(1), { ...place, frameOffset: 4_000_000_000, frameBytes: 10 })
    const places = placesOf(index, [
      [
        pack,
        [
          { chunk: 0, disk: 0, offset: 0 },
          { chunk: 1, disk: 0, offset: 10 },
        ],
      ],
    ])
    const stretches = [...packStretches(places, index, 1000)]
    expect(stretches.map(({ offset, length }) => [offset, length])).toEqual([
      [64, 1000],
      [4_000_000_000, 10],
    ])
  })
})

describe('groups of packs', () => {
  const sizesOf = (places: readonly number[], placesAtOnce: number) => {
    const index = createChunkIndex()
    const needs = places.map((count, i) => ({ pack: framed(index, i.toString(16), 0, 0), disk: 0, places: count }))
    const groups = [...packGroups(needs, placesAtOnce)]
    expect(groups.flat()).toEqual(needs)
    return groups.map((group) => group.map((need) => need.places))
  }

  test('have as many places as are planned at once, and no more', () => {
    expect(sizesOf([3, 3, 4, 1, 9, 2], 10)).toEqual([[3, 3, 4], [1, 9], [2]])
    expect(sizesOf([], 10)).toEqual([])
  })

  test('are of one pack where that alone has more', () => {
    expect(sizesOf([1, 25, 3, 30, 30], 10)).toEqual([[1], [25], [3], [30], [30]])
  })
})
