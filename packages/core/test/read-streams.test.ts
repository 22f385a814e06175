import { seededNumbers } from '@holdfast/testkit/images'
import { describe, expect, test } from 'vitest'
import { readStreams } from '../src/engine/read-streams.js'

const mib = 2 ** 20

describe('reads of a disk', () => {
  test('in order are noticed at the third, and looked further ahead of the longer they go on', () => {
    const streams = readStreams(100 * mib, 4 * mib)
    const ahead = Array.from({ length: 12 }, (_, i) => {
      const range = streams.note(10 * mib + i * mib, mib)
      range?.reached(range.end)
      return range === undefined ? undefined : [range.offset / mib, range.end / mib]
    })
    expect(ahead.slice(0, 2)).toEqual([undefined, undefined])
    expect(ahead[2]).toEqual([13, 16])
    // Each range goes on where the last ended, and never more than the limit beyond the read.
    expect(ahead.slice(3)).toEqual([
      [16, 18],
      [18, 19],
      [19, 20],
      [20, 21],
      [21, 22],
      [22, 23],
      [23, 24],
      [24, 25],
      [25, 26],
    ])
  })

  test('are asked for again as far as they were not taken care of', () => {
    const streams = readStreams(100 * mib, 4 * mib)
    for (let i = 0; i < 2; i++) streams.note(i * mib, mib)
    streams.note(2 * mib, mib)?.reached(4 * mib)
    expect(streams.note(3 * mib, mib)).toMatchObject({ offset: 4 * mib, end: 8 * mib })
    expect(streams.note(4 * mib, mib)).toMatchObject({ offset: 5 * mib })
  })

  test('look no further than the end of the disk', () => {
    const streams = readStreams(4.5 * mib, 64 * mib)
    for (let i = 0; i < 2; i++) streams.note(i * mib, mib)
    expect(streams.note(2 * mib, mib)).toMatchObject({ offset: 3 * mib, end: 4.5 * mib })
    streams.note(3 * mib, mib)?.reached(4.5 * mib)
    expect(streams.note(4 * mib, mib / 2)).toBeUndefined()
  })

  test('here and there are never looked ahead of', () => {
    const streams = readStreams(10_000 * mib, 16 * mib)
    const random = seededNumbers(7)
    const found = Array.from({ length: 5000 }, () => streams.note((random() % 2_500_000) * 4096, 4096))
    expect(found.filter((range) => range !== undefined)).toEqual([])
  })

  test('backwards, or of one place again and again, are never looked ahead of', () => {
    const streams = readStreams(100 * mib, 16 * mib)
    for (let i = 50; i > 0; i--) expect(streams.note(i * mib, mib)).toBeUndefined()
    for (let i = 0; i < 50; i++) expect(streams.note(80 * mib, mib)).toBeUndefined()
  })

  test('of several readers at once are told apart, also when requests overtake one another', () => {
    const streams = readStreams(1000 * mib, 16 * mib)
    const starts = [0, 200, 400, 600].map((start) => start * mib)
    const ends = starts.map(() => 0)
    for (let i = 0; i < 40; i += 2) {
      for (const step of [1, 0]) {
        starts.forEach((start, reader) => {
          const range = streams.note(start + (i + step) * 65_536, 65_536)
          range?.reached(range.end)
          ends[reader] = Math.max(ends[reader] ?? 0, range?.end ?? 0)
        })
      }
    }
    starts.forEach((start, reader) => expect(ends[reader]).toBeGreaterThan(start + 40 * 65_536))
  })
})
