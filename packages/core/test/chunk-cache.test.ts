import { describe, expect, test } from 'vitest'
import { chunkCache } from '../src/engine/chunk-cache.js'

const chunk = (sizeBytes: number) => new Uint8Array(sizeBytes)

describe('a chunk cache', () => {
  test('gives up what was used longest ago, and never holds more than its limit', () => {
    const cache = chunkCache(100)
    for (const name of ['a', 'b', 'c']) cache.keep(name, chunk(30))
    expect(cache.find('a')).toHaveLength(30)
    cache.keep('d', chunk(40))
    expect(['a', 'b', 'c', 'd'].map(cache.has)).toEqual([true, false, true, true])
    expect(cache.sizeBytes()).toBe(100)
    cache.keep('e', chunk(100))
    expect(['a', 'b', 'c', 'd', 'e'].map(cache.has)).toEqual([false, false, false, false, true])
    expect(cache.sizeBytes()).toBe(100)
  })

  test('asking whether a chunk is there is no use of it', () => {
    const cache = chunkCache(60)
    cache.keep('a', chunk(30))
    cache.keep('b', chunk(30))
    expect(cache.has('a')).toBe(true)
    cache.keep('c', chunk(30))
    expect(cache.has('a')).toBe(false)
  })

  test('leaves out what is larger than all of it, and keeps what it has', () => {
    const cache = chunkCache(50)
    cache.keep('a', chunk(50))
    cache.keep('b', chunk(51))
    expect([cache.has('a'), cache.has('b'), cache.sizeBytes()]).toEqual([true, false, 50])
  })

  test('counts a chunk once that is kept twice, and none that was cleared', () => {
    const cache = chunkCache(100)
    cache.keep('a', chunk(40))
    cache.keep('a', chunk(40))
    expect(cache.sizeBytes()).toBe(40)
    cache.clear()
    expect([cache.sizeBytes(), cache.has('a')]).toEqual([0, false])
  })
})
