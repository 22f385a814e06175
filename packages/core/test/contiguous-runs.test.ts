import { describe, expect, test } from 'vitest'
import { contiguousRuns, type PlacedFrameChunk } from '../src/engine/contiguous-runs.js'

const pack = 'ab'.repeat(16)
const idOf = (number: number) => Buffer.alloc(32, number + 1)
/** A frame of four chunks of ten bytes each. */
const listed = Array.from({ length: 4 }, (_, i) => ({ id: idOf(i), offset: 100 + i * 10, length: 10 }))

function place(chunk: number, disk: number, diskOffset: number): PlacedFrameChunk {
  return { id: idOf(chunk).toString('hex'), plainOffset: 100 + chunk * 10, length: 10, disk, diskOffset }
}

function runs(...places: readonly PlacedFrameChunk[]) {
  return [...contiguousRuns(pack, places, listed)].map((run) => [run.plainOffset, run.length, run.disk, run.diskOffset])
}

describe('chunks of a frame', () => {
  test('that lie side by side in the frame and on the disk are written at once', () => {
    expect(runs(place(0, 0, 50), place(1, 0, 60), place(2, 0, 70))).toEqual([[100, 30, 0, 50]])
    expect(runs()).toEqual([])
  })

  test('are written apart where either has a gap, or goes backward', () => {
    expect(runs(place(0, 0, 50), place(1, 0, 61))).toEqual([
      [100, 10, 0, 50],
      [110, 10, 0, 61],
    ])
    expect(runs(place(0, 0, 50), place(2, 0, 60), place(0, 0, 70), place(1, 0, 80))).toEqual([
      [100, 10, 0, 50],
      [120, 10, 0, 60],
      [100, 20, 0, 70],
    ])
  })

  test('that go to different disks are written apart, though one offset follows the other', () => {
    expect(runs(place(0, 0, 50), place(1, 1, 60))).toEqual([
      [100, 10, 0, 50],
      [110, 10, 1, 60],
    ])
  })

  test.each([
    ['another chunk', { ...place(1, 0, 0), id: idOf(2).toString('hex') }],
    ['a chunk of another length', { ...place(1, 0, 0), length: 9 }],
    ['no chunk at that place', { ...place(1, 0, 0), plainOffset: 111 }],
  ])('are not written where the frame holds %s', (_, wrong) => {
    expect(() => runs(place(0, 0, 50), wrong)).toThrow(
      expect.objectContaining({ code: 'E_DAMAGED', context: { object: `packs/ab/${pack}` } }),
    )
  })
})
