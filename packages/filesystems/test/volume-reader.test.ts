import { describe, expect, it } from 'vitest'
import { volumeReader } from '../src/bytes/volume-reader.js'
import { memorySource, unaborted } from './support/memory-source.js'

const mebibyte = 2 ** 20

function numbered(sizeBytes: number): Uint8Array {
  return Uint8Array.from({ length: sizeBytes }, (_, i) => (i >> 8) ^ i)
}

describe('a volume reader', () => {
  it('reads structures across blocks, and the end of a volume that is no whole block', async () => {
    const bytes = numbered(3 * 65_536 + 77)
    const reader = volumeReader(memorySource(bytes))
    for (const [offset, length] of [
      [0, 1],
      [65_535, 2],
      [10, 3 * 65_536],
      [3 * 65_536 + 76, 1],
      [100, 0],
    ] as const)
      expect(
        Buffer.compare(await reader.structure(offset, length, 'x', unaborted), bytes.subarray(offset, offset + length)),
      ).toBe(0)
  })

  it('asks once for what it is asked twice, and once for neighbours', async () => {
    const source = memorySource(numbered(mebibyte))
    const reader = volumeReader(source)
    await reader.structure(5, 1000, 'x', unaborted)
    await reader.structure(9000, 1000, 'x', unaborted)
    expect(source.calls()).toBe(1)
    await reader.structure(0, mebibyte, 'x', unaborted)
    expect(source.calls()).toBe(2)
    expect(source.bytesRead()).toBe(mebibyte)
  })

  it('gives bytes that are its caller’s own', async () => {
    const reader = volumeReader(memorySource(numbered(1000)))
    const first = await reader.structure(0, 10, 'x', unaborted)
    first.fill(99)
    expect([...(await reader.structure(0, 10, 'x', unaborted))]).toEqual([...numbered(10)])
  })

  it('keeps 16 MiB at most', async () => {
    const source = memorySource(new Uint8Array(40 * mebibyte))
    const reader = volumeReader(source)
    for (let at = 0; at < 40 * mebibyte; at += mebibyte) await reader.structure(at, mebibyte, 'x', unaborted)
    const before = source.bytesRead()
    for (let at = 39 * mebibyte; at >= 0; at -= mebibyte) await reader.structure(at, mebibyte, 'x', unaborted)
    expect(source.bytesRead() - before).toBe(24 * mebibyte)
  })

  it.each([
    [-1, 4],
    [998, 4],
    [1001, 0],
    [0.5, 1],
    [Number.NaN, 1],
    [2 ** 60, 1],
  ])('refuses a structure at %d of %d bytes, which is not within', async (offset, length) => {
    const reader = volumeReader(memorySource(new Uint8Array(1000)))
    await expect(reader.structure(offset, length, 'a table', unaborted)).rejects.toMatchObject({
      code: 'damaged',
      offset,
    })
    await expect(reader.content(offset, new Uint8Array(length), unaborted)).rejects.toMatchObject({ code: 'damaged' })
  })

  it('refuses to take much memory for a claim', async () => {
    const reader = volumeReader({ sizeBytes: 2 ** 40, read: async () => {} })
    await expect(reader.structure(0, 2 ** 30, 'a table', unaborted)).rejects.toMatchObject({ code: 'limit' })
  })

  it('says what could not be read and keeps the cause', async () => {
    const cause = new Error('the store is gone')
    const reader = volumeReader({ sizeBytes: 1000, read: () => Promise.reject(cause) })
    await expect(reader.content(7, new Uint8Array(3), unaborted)).rejects.toMatchObject({
      code: 'read',
      offset: 7,
      cause,
    })
    await expect(reader.structure(7, 3, 'x', unaborted)).rejects.toMatchObject({ code: 'read', cause })
  })

  it('rejects with the reason of an abort, even where all is cached', async () => {
    const reader = volumeReader(memorySource(new Uint8Array(1000)))
    await reader.structure(0, 10, 'x', unaborted)
    const reason = new Error('enough')
    const options = { signal: AbortSignal.abort(reason) }
    await expect(reader.structure(0, 10, 'x', options)).rejects.toBe(reason)
    await expect(reader.content(0, new Uint8Array(1), options)).rejects.toBe(reason)
  })
})
