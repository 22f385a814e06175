import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { compareBitmap, markBitmap, mostPlaces } from '../src/tracking/bitmap-mark.js'
import { bitmapOf } from './support/layers.js'

const areas = fc.uniqueArray(fc.integer({ min: 0, max: 2000 }), { maxLength: 400 })

describe('a bitmap that was marked', () => {
  it('counts as long as it only grows', async () => {
    await fc.assert(
      fc.asyncProperty(areas, areas, async (before, since) => {
        const mark = await markBitmap(bitmapOf('b', before))
        const after = [...new Set([...before, ...since])]
        expect(await compareBitmap(bitmapOf('b', after), mark)).toEqual({
          counts: true,
          dirtyBytes: after.length * 4096,
        })
      }),
    )
  })

  it('does not count when it has less than before', async () => {
    await fc.assert(
      fc.asyncProperty(areas, fc.nat(), async (before, at) => {
        fc.pre(before.length > 0)
        const mark = await markBitmap(bitmapOf('b', before))
        const outcome = await compareBitmap(bitmapOf('b', before.toSpliced(at % before.length, 1)), mark)
        expect(outcome).toEqual({ counts: false, reason: "bitmap 'b' was cleared" })
      }),
    )
  })

  it('does not count when it has less than before in a place that is not remembered', async () => {
    const dirty = Array.from({ length: 400 }, (_, i) => 3 * i)
    const mark = await markBitmap(bitmapOf('b', dirty))
    const forgotten = dirty.findIndex((area) => !mark.places.includes(area))
    const outcome = await compareBitmap(bitmapOf('b', dirty.toSpliced(forgotten, 1)), mark)
    expect(outcome).toMatchObject({ counts: false })
  })

  it('does not count when as much and more is dirty elsewhere', async () => {
    await fc.assert(
      fc.asyncProperty(areas, areas, async (before, since) => {
        fc.pre(before.length > 0)
        const mark = await markBitmap(bitmapOf('b', before))
        const elsewhere = [...before, ...since].map((area) => area + 5000)
        expect(await compareBitmap(bitmapOf('b', [...new Set(elsewhere)]), mark)).toMatchObject({ counts: false })
      }),
    )
  })

  it('is remembered by few places, which are dirty and spread over all that is', async () => {
    await fc.assert(
      fc.asyncProperty(areas, async (dirty) => {
        const { places, dirtyBytes } = await markBitmap(bitmapOf('b', dirty))
        expect(dirtyBytes).toBe(dirty.length * 4096)
        expect(places.length).toBeLessThanOrEqual(mostPlaces)
        expect(places.length).toBeGreaterThanOrEqual(Math.min(dirty.length, mostPlaces / 2))
        expect(dirty).toEqual(expect.arrayContaining([...places]))
        const sorted = dirty.toSorted((a, b) => a - b)
        const ordinals = places.map((place) => sorted.indexOf(place))
        const steps = new Set(ordinals.slice(1).map((ordinal, at) => ordinal - (ordinals[at] ?? 0)))
        expect(steps.size).toBeLessThanOrEqual(1)
      }),
    )
  })

  it('may end within an area, at the end of the disk', async () => {
    const odd = {
      ...bitmapOf('b', []),
      dirty: async function* () {
        yield { offset: 8192, length: 100 }
      },
    }
    const mark = await markBitmap(odd)
    expect(mark).toMatchObject({ dirtyBytes: 100, places: [2] })
    expect(await compareBitmap(odd, mark)).toEqual({ counts: true, dirtyBytes: 100 })
  })

  it.each([
    ['is gone', undefined],
    ['has another granularity', bitmapOf('b', [1, 2, 3], { granularityBytes: 8192 })],
    ['was not closed properly or does not record', bitmapOf('b', [1, 2, 3], { usable: false })],
  ])('does not count when it %s', async (reason, bitmap) => {
    const mark = await markBitmap(bitmapOf('b', [1, 2]))
    expect(await compareBitmap(bitmap, mark)).toEqual({ counts: false, reason: `bitmap 'b' ${reason}` })
  })
})
