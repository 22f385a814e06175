import type { Extent } from '@holdfast/core'
import { toArray } from '@holdfast/testkit'
import { expect, test } from 'vitest'
import { changedExtents, type Span, windowBytes } from '../src/capture/changed-extents.js'

const mib = 2 ** 20

/** A disk whose every second MiB is data. */
function stripes(asked: Span[]) {
  return async function* (span: Span): AsyncGenerator<Extent, void> {
    asked.push(span)
    const end = span.offset + span.length
    for (let at = span.offset; at < end; ) {
      const to = Math.min(end, Math.floor(at / mib) * mib + mib)
      yield { offset: at, length: to - at, kind: Math.floor(at / mib) % 2 === 0 ? 'data' : 'unallocated' }
      at = to
    }
  }
}

async function* each<T>(...items: readonly T[]): AsyncGenerator<T, void> {
  yield* items
}

test('changes near each other are asked about at once, and only they are told', async () => {
  const asked: Span[] = []
  const changes = each(
    { offset: 0, length: 10 },
    { offset: 2 * mib - 5, length: 10 },
    { offset: 4 * mib, length: 2 * mib },
  )
  expect(await toArray(changedExtents(changes, stripes(asked)))).toEqual([
    { offset: 0, length: 10, kind: 'data' },
    { offset: 2 * mib - 5, length: 5, kind: 'unallocated' },
    { offset: 2 * mib, length: 5, kind: 'data' },
    { offset: 4 * mib, length: mib, kind: 'data' },
    { offset: 5 * mib, length: mib, kind: 'unallocated' },
  ])
  expect(asked).toEqual([{ offset: 0, length: 6 * mib }])
})

test('several changes within one extent are all told', async () => {
  const changes = each({ offset: 8, length: 8 }, { offset: 32, length: 8 }, { offset: mib - 8, length: 8 })
  expect(await toArray(changedExtents(changes, stripes([])))).toEqual([
    { offset: 8, length: 8, kind: 'data' },
    { offset: 32, length: 8, kind: 'data' },
    { offset: mib - 8, length: 8, kind: 'data' },
  ])
})

test('what lies between changes far apart is not asked about', async () => {
  const asked: Span[] = []
  const near = { offset: windowBytes - mib, length: mib }
  const far = { offset: 100 * windowBytes, length: 3 * windowBytes }
  const next = { offset: far.offset + far.length + mib, length: 5 }
  const told = await toArray(changedExtents(each({ offset: 0, length: 1 }, near, far, next), stripes(asked)))
  expect(asked).toEqual([{ offset: 0, length: windowBytes }, far, next])
  expect(told.reduce((sum, { length }) => sum + length, 0)).toBe(1 + mib + 3 * windowBytes + 5)
})

test('no change is no question', async () => {
  const asked: Span[] = []
  expect(await toArray(changedExtents(each<Span>(), stripes(asked)))).toEqual([])
  expect(await toArray(changedExtents(each({ offset: 7, length: 0 }), stripes(asked)))).toEqual([])
  expect(asked).toEqual([])
})
