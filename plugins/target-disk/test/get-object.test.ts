import { describe, expect, it } from 'vitest'
import { bodyOf, call, key, memoryDisk, numbered, openDisk, readAll, readText } from './support/harness.js'

const size = 2_500_000

async function diskWithObject() {
  const { port, vol } = memoryDisk()
  const session = await openDisk(port)
  await session.put(key('packs/one'), bodyOf(numbered(size)), call)
  return { session, vol }
}

describe('get', () => {
  it.each([
    [0, 1],
    [0, size],
    [1, 1_048_576],
    [1_048_575, 2],
    [size - 1, 1],
    [size, 0],
    [7, 0],
  ])('yields the range of %i, %i', async (offset, length) => {
    const { session } = await diskWithObject()
    const read = await readAll(session, 'packs/one', { offset, length })
    expect(Buffer.compare(read, numbered(size).subarray(offset, offset + length))).toBe(0)
  })

  it('uses one buffer for all it yields', async () => {
    const { session } = await diskWithObject()
    const memory = new Set<ArrayBufferLike>()
    for await (const bytes of session.get(key('packs/one'), call)) memory.add(bytes.buffer)
    expect(memory.size).toBe(1)
    expect([...memory][0]?.byteLength).toBeLessThanOrEqual(1_048_576)
  })

  it.each([
    [0, size + 1],
    [size, 1],
    [size + 5, 1],
    [size + 1, 0],
  ])('reports a range past the end (%i, %i) as damage', async (offset, length) => {
    const { session } = await diskWithObject()
    await expect(readAll(session, 'packs/one', { offset, length })).rejects.toMatchObject({
      code: 'E_DAMAGED',
      context: { key: 'packs/one' },
    })
  })

  it.each([
    [-1, 5],
    [0, -1],
    [0.5, 1],
    [0, Number.NaN],
    [Number.MAX_SAFE_INTEGER, 2],
  ])('refuses %d, %d as a range', async (offset, length) => {
    const { session } = await diskWithObject()
    await expect(readAll(session, 'packs/one', { offset, length })).rejects.toMatchObject({ code: 'E_USAGE' })
  })

  it('reports a file that shrinks while it is read as damage', async () => {
    const { session, vol } = await diskWithObject()
    const read = async () => {
      for await (const _ of session.get(key('packs/one'), call)) vol.truncateSync('/disk/vault/packs/one', 10)
    }
    await expect(read()).rejects.toMatchObject({ code: 'E_DAMAGED' })
  })

  it.each(['packs/two', 'packs', 'other/one', 'packs/one/inner'])('finds no object %s', async (name) => {
    const { session } = await diskWithObject()
    await expect(readText(session, name)).rejects.toMatchObject({ code: 'E_OBJECT_NOT_FOUND' })
    expect(await session.stat(key(name), call)).toBeUndefined()
  })

  it('stops when aborted between two buffers', async () => {
    const { session } = await diskWithObject()
    const controller = new AbortController()
    let buffers = 0
    const read = async () => {
      for await (const _ of session.get(key('packs/one'), { signal: controller.signal })) {
        buffers++
        controller.abort(new Error('enough'))
      }
    }
    await expect(read()).rejects.toThrow('enough')
    expect(buffers).toBe(1)
  })
})

describe('stat, remove and capacity', () => {
  it('tells size and time of an object', async () => {
    const { session } = await diskWithObject()
    const info = await session.stat(key('packs/one'), call)
    expect(info).toMatchObject({ key: 'packs/one', sizeBytes: size })
    expect(Math.abs((info?.modifiedAt.getTime() ?? 0) - Date.now())).toBeLessThan(10_000)
  })

  it('removes an object once and again, and never a folder', async () => {
    const { session, vol } = await diskWithObject()
    await session.remove(key('packs'), call)
    expect(await session.stat(key('packs/one'), call)).toBeDefined()
    await session.remove(key('packs/one'), call)
    await session.remove(key('packs/one'), call)
    await session.remove(key('never/there'), call)
    expect(await session.stat(key('packs/one'), call)).toBeUndefined()
    expect(vol.readdirSync('/disk/vault/packs')).toEqual([])
  })

  it('tells the room of the volume', async () => {
    const { session } = await diskWithObject()
    const room = await session.capacity?.capacity(call)
    expect(room?.totalBytes).toBe(4096 * 1_000_000)
    expect(room?.freeBytes).toBeLessThan(4096 * 1_000_000)
  })
})
