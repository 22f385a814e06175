import { expect, it } from 'vitest'
import { allocate, allocationLimitBytes } from '../src/bytes/allocate.js'
import { tableCache } from '../src/bytes/table-cache.js'

it('loads a table once for all who ask, keeps the latest, and forgets a failure', async () => {
  const loads: number[] = []
  const cache = tableCache(2, async (index) => {
    loads.push(index)
    await undefined
    if (index === 9 && loads.filter((load) => load === 9).length === 1) throw new Error('bad sector')
    return `table ${index}`
  })
  expect(await Promise.all([cache.get(1), cache.get(1), cache.get(2)])).toEqual(['table 1', 'table 1', 'table 2'])
  await cache.get(1)
  await cache.get(3)
  await cache.get(1)
  await cache.get(2)
  expect(loads).toEqual([1, 2, 3, 2])
  await expect(cache.get(9)).rejects.toThrow('bad sector')
  expect(await cache.get(9)).toBe('table 9')
})

it('allocates nothing above the limit, nor what is no size', () => {
  expect(allocate(allocationLimitBytes, 'a table', 'disk').byteLength).toBe(allocationLimitBytes)
  for (const length of [allocationLimitBytes + 1, -1, 0.5, Number.NaN, Number.POSITIVE_INFINITY])
    expect(() => allocate(length, 'a table', 'disk')).toThrow(expect.objectContaining({ code: 'limit' }))
})
