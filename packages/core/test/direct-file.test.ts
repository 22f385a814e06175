import { open, readFile, rename, writeFile } from 'node:fs/promises'
import fc from 'fast-check'
import { tempFolder } from 'holdfast-lab'
import { describe, expect, onTestFinished, test } from 'vitest'
import { alignedMemory } from '../src/files/aligned-memory.js'
import { directWriter, openDirect, type WritableFile } from '../src/files/direct-file.js'

const mebibyte = 2 ** 20

/** Bytes that differ from place to place, in memory that starts at a page. */
function numbered(sizeBytes: number): Uint8Array {
  const bytes = new Uint8Array(alignedMemory(sizeBytes), 0, sizeBytes)
  for (let i = 0; i < sizeBytes; i++) bytes[i] = i ^ (i >> 8) ^ (i >> 16)
  return bytes
}

/** A file in memory that counts what is written to it; `limit` bounds each write. */
function memoryFile(sizeBytes: number, limit = Number.POSITIVE_INFINITY) {
  const content = new Uint8Array(sizeBytes)
  const file = {
    content,
    writtenBytes: 0,
    write: async (data: Uint8Array, offset: number, length: number, position: number) => {
      const bytesWritten = Math.min(length, limit)
      content.set(data.subarray(offset, offset + bytesWritten), position)
      file.writtenBytes += bytesWritten
      return { bytesWritten }
    },
  }
  return file
}

function failing(code: string): WritableFile {
  return { write: async () => Promise.reject(Object.assign(new Error(`${code}: injected`), { code })) }
}

describe('directWriter', () => {
  test('writes whole pages past the cache and the rest through it', async () => {
    const [cached, direct] = [memoryFile(2 * mebibyte), memoryFile(2 * mebibyte)]
    await directWriter(cached, direct).write(numbered(mebibyte + 100), 4096)
    expect(direct.writtenBytes).toBe(mebibyte)
    expect(cached.writtenBytes).toBe(100)
  })

  test.for([
    ['a position that is not at a page', 1, numbered(mebibyte)],
    ['data that does not start at a page', 0, numbered(mebibyte).subarray(16)],
    ['memory of unknown alignment', 0, new Uint8Array(mebibyte)],
    ['a short run', 0, numbered(64 * 1024)],
  ] as const)('writes %s through the cache', async ([, position, data]) => {
    const [cached, direct] = [memoryFile(2 * mebibyte), memoryFile(2 * mebibyte)]
    await directWriter(cached, direct).write(data, position)
    expect(direct.writtenBytes).toBe(0)
    expect(Buffer.compare(cached.content.subarray(position, position + data.length), data)).toBe(0)
  })

  test('goes through the cache for good once direct writes are refused', async () => {
    const cached = memoryFile(2 * mebibyte)
    const writer = directWriter(cached, failing('EINVAL'))
    await writer.write(numbered(mebibyte), 0)
    await writer.write(numbered(mebibyte), mebibyte)
    expect(cached.writtenBytes).toBe(2 * mebibyte)
  })

  test('completes short writes', async () => {
    const [cached, direct] = [memoryFile(mebibyte, 5000), memoryFile(mebibyte, 300_000)]
    await directWriter(cached, direct).write(numbered(mebibyte), 0)
    const whole = Buffer.concat([direct.content.subarray(0, 300_000), cached.content.subarray(300_000)])
    expect(Buffer.compare(whole, numbered(mebibyte))).toBe(0)
  })

  test('tells of a full disk', async () => {
    const write = directWriter(memoryFile(mebibyte), failing('ENOSPC')).write(numbered(mebibyte), 0)
    await expect(write).rejects.toMatchObject({ code: 'ENOSPC' })
  })
})

describe('openDirect', () => {
  test('a real file holds what was written, at any position, from any memory', async () => {
    const path = tempFolder(onTestFinished).at('disk.raw')
    const source = numbered(3 * mebibyte)
    const place = fc.nat(mebibyte).map((n) => (n % 2 === 0 ? n - (n % 4096) : n))
    await fc.assert(
      fc.asyncProperty(fc.array(fc.tuple(place, place, fc.nat(mebibyte)), { maxLength: 6 }), async (writes) => {
        await using cached = await open(path, 'w')
        const direct = await openDirect(path, cached)
        const model = Buffer.alloc(3 * mebibyte)
        await cached.truncate(model.length)
        const writer = directWriter(cached, direct)
        for (const [from, position, length] of writes) {
          const data = source.subarray(from, from + length)
          model.set(data, position)
          await writer.write(data, position)
        }
        await direct?.close()
        expect(Buffer.compare(await readFile(path), model)).toBe(0)
      }),
      { numRuns: 25 },
    )
  })

  test('does not open a file that somebody put in the place of the first', async () => {
    const path = tempFolder(onTestFinished).at('disk.raw')
    await using cached = await open(path, 'w')
    await writeFile(`${path}.other`, 'not ours')
    await rename(`${path}.other`, path)
    expect(await openDirect(path, cached)).toBeUndefined()
  })
})
