import { alignedMemory } from '@holdfast/core/direct-file'
import { describe, expect, it, vi } from 'vitest'
import type { FileSystem } from '../src/file-system.js'
import {
  bodyOf,
  call,
  key,
  memoryDisk,
  namesIn,
  numbered,
  openDisk,
  readAll,
  readText,
  testContext,
} from './support/harness.js'
import { type Step, watched } from './support/watched-file-system.js'

const incoming = '/disk/vault/.incoming'

async function watchedDisk() {
  const { port, vol } = memoryDisk()
  const steps: Step[] = []
  vol.mkdirSync('/disk/vault')
  const session = await openDisk(watched(port, (step) => void steps.push(step)))
  steps.length = 0
  return { session, steps, vol }
}

describe('put', () => {
  it('stores what get then yields', async () => {
    const session = await openDisk(memoryDisk().port)
    const bytes = numbered(3_000_000)
    await session.put(
      key('packs/ab/one'),
      bodyOf(bytes.subarray(0, 5), bytes.subarray(5, 2_000_000), bytes.subarray(2_000_000)),
      call,
    )
    expect(Buffer.compare(await readAll(session, 'packs/ab/one'), bytes)).toBe(0)
  })

  it('writes the bulk of a large object past the page cache, and a small one through it', async () => {
    const { port } = memoryDisk()
    let directBytes = 0
    const counting: FileSystem = {
      ...port,
      openDirect: async (_, cached) => ({
        ...cached,
        write: async (data, offset, length, position) => {
          const outcome = await cached.write(data, offset, length, position)
          directBytes += outcome.bytesWritten
          return outcome
        },
        close: async () => undefined,
      }),
    }
    const session = await openDisk(counting)
    const bytes = new Uint8Array(alignedMemory(3_000_000), 0, 3_000_000)
    bytes.set(numbered(3_000_000))
    await session.put(key('packs/ab/one'), bodyOf(bytes), { ...call, sizeBytes: bytes.length })
    expect(directBytes).toBe(3_000_000 - (3_000_000 % 4096))
    expect(Buffer.compare(await readAll(session, 'packs/ab/one'), bytes)).toBe(0)
    await session.put(key('small'), bodyOf(bytes.subarray(0, 500_000)), { ...call, sizeBytes: 500_000 })
    expect(directBytes).toBe(3_000_000 - (3_000_000 % 4096))
  })

  it('writes large objects one after another, each up to its name, and a small one meanwhile', async () => {
    const { port } = memoryDisk()
    const steps: string[] = []
    const slow: FileSystem = {
      ...port,
      open: async (path, flags, mode) => {
        const file = await port.open(path, flags, mode)
        return {
          read: (...args) => file.read(...args),
          write: async (buffer, offset, length, position) => {
            steps.push(length > 100 ? `write ${buffer[0]}` : 'write small')
            await new Promise((resolve) => setTimeout(resolve, 20))
            return file.write(buffer, offset, length, position)
          },
          stat: () => file.stat(),
          sync: () => file.sync(),
          close: () => file.close(),
        }
      },
      link: async (from, to) => {
        steps.push(`name ${to.split('/').at(-1)}`)
        return port.link(from, to)
      },
    }
    const session = await openDisk(slow)
    const large = (content: number) => {
      const bytes = new Uint8Array(2 ** 20).fill(content)
      return session.put(key(`packs/${content}`), bodyOf(bytes), { ...call, sizeBytes: bytes.length })
    }
    await Promise.all([large(1), large(2), large(3), session.put(key('small'), bodyOf('x'), call)])
    const ofLarge = steps.filter((step) => !step.includes('small'))
    expect(ofLarge).toEqual(['write 1', 'name 1', 'write 2', 'name 2', 'write 3', 'name 3'])
    expect(steps.indexOf('name small')).toBeLessThan(steps.indexOf('name 2'))
  })

  it('gives its turn back when a large object fails', async () => {
    const session = await openDisk(memoryDisk().port)
    const bytes = new Uint8Array(2 ** 20)
    const put = (name: string, sizeBytes: number) => session.put(key(name), bodyOf(bytes), { ...call, sizeBytes })
    const outcomes = await Promise.allSettled([put('one', 2 ** 20 + 1), put('two', 2 ** 20), put('three', 2 ** 20)])
    expect(outcomes.map(({ status }) => status)).toEqual(['rejected', 'fulfilled', 'fulfilled'])
  })

  it('stores an empty object', async () => {
    const session = await openDisk(memoryDisk().port)
    await session.put(key('empty'), bodyOf(), call)
    expect(await session.stat(key('empty'), call)).toMatchObject({ key: 'empty', sizeBytes: 0 })
    expect(await readText(session, 'empty')).toBe('')
  })

  it('syncs folders and content before it gives the name, and the name before it resolves', async () => {
    const { session, steps } = await watchedDisk()
    await session.put(key('packs/ab/one'), bodyOf('text'), call)
    const durable = steps
      .filter(({ name }) => ['write', 'sync', 'link', 'unlink'].includes(name))
      .map(({ name, path }) => `${name} ${path.replace(/[0-9a-f]+-\d+\.part/, 'part')}`)
    expect(durable).toEqual([
      'sync /disk',
      'sync /disk/vault',
      'sync /disk/vault/packs',
      `write ${incoming}/part`,
      `sync ${incoming}/part`,
      'link /disk/vault/packs/ab/one',
      'sync /disk/vault/packs/ab',
      `unlink ${incoming}/part`,
    ])
  })

  it('hands large buffers straight to the file and gathers small ones', async () => {
    const { session, steps } = await watchedDisk()
    const large = new Uint8Array(new SharedArrayBuffer(1_000_000), 64, 600_000).fill(7)
    async function* body() {
      for (let index = 0; index < 3000; index++) yield Uint8Array.of(index & 0xff)
      yield large
    }
    await session.put(key('one'), body(), call)
    const writes = steps.filter(({ name }) => name === 'write')
    expect(writes.map(({ buffer }) => buffer?.length)).toEqual([3000, 600_000])
    expect(writes[1]?.buffer?.buffer).toBe(large.buffer)
    const stored = await readAll(session, 'one')
    expect([...stored.subarray(0, 3000)]).toEqual(Array.from({ length: 3000 }, (_, index) => index & 0xff))
    expect(stored.subarray(3000).every((byte) => byte === 7)).toBe(true)
  })

  it('may reuse the buffer of a body after the next one was asked for', async () => {
    const session = await openDisk(memoryDisk().port)
    const buffer = new Uint8Array(10)
    async function* body() {
      for (let round = 0; round < 5; round++) yield buffer.fill(round)
    }
    await session.put(key('one'), body(), call)
    expect([...(await readAll(session, 'one'))]).toEqual([0, 1, 2, 3, 4].flatMap((round) => Array(10).fill(round)))
  })

  it('leaves an existing object alone and does not even ask for the body', async () => {
    const session = await openDisk(memoryDisk().port)
    await session.put(key('one'), bodyOf('first'), call)
    let asked = false
    async function* second() {
      asked = true
      yield new Uint8Array(1)
    }
    await expect(session.put(key('one'), second(), call)).rejects.toMatchObject({ code: 'E_OBJECT_EXISTS' })
    expect(asked).toBe(false)
    expect(await readText(session, 'one')).toBe('first')
  })

  it('lets exactly one of many writers of a key win', async () => {
    const { port, vol } = memoryDisk()
    const sessions = await Promise.all(Array.from({ length: 8 }, () => openDisk(port)))
    const results = await Promise.allSettled(
      sessions.map((session, index) => session.put(key('one'), bodyOf(`writer ${index}`), call)),
    )
    const winners = results.flatMap((result, index) => (result.status === 'fulfilled' ? [index] : []))
    expect(winners).toHaveLength(1)
    for (const result of results) {
      if (result.status === 'rejected') expect(result.reason).toMatchObject({ code: 'E_OBJECT_EXISTS' })
    }
    expect(await readText(await openDisk(port), 'one')).toBe(`writer ${winners[0]}`)
    expect(vol.readdirSync(incoming)).toEqual([])
  })

  it.each([
    ['less', 5],
    ['more', 3],
  ])('refuses a body of %s than the announced size', async (_, sizeBytes) => {
    const { port, vol } = memoryDisk()
    const session = await openDisk(port)
    await expect(session.put(key('one'), bodyOf('four'), { ...call, sizeBytes })).rejects.toMatchObject({
      code: 'E_TARGET_IO',
      retry: 'never',
    })
    expect(await namesIn(session)).toEqual([])
    expect(vol.readdirSync(incoming)).toEqual([])
  })

  it('throws what the body throws and keeps nothing', async () => {
    const { port, vol } = memoryDisk()
    const session = await openDisk(port)
    const failure = Object.assign(new Error('the source broke'), { code: 'ENOSPC' })
    async function* body() {
      yield new Uint8Array(10)
      throw failure
    }
    await expect(session.put(key('one'), body(), call)).rejects.toBe(failure)
    expect(await session.stat(key('one'), call)).toBeUndefined()
    expect(vol.readdirSync(incoming)).toEqual([])
  })

  it('stops at once when aborted, even while the body hangs, and tells the body', async () => {
    const { port, vol } = memoryDisk()
    const session = await openDisk(port)
    const controller = new AbortController()
    const stopped = vi.fn(async () => ({ done: true as const, value: undefined }))
    let rounds = 0
    const hanging: AsyncIterable<Uint8Array> = {
      [Symbol.asyncIterator]: () => ({
        next: () => {
          if (rounds++ === 0) return Promise.resolve({ done: false, value: new Uint8Array(10) })
          setTimeout(() => controller.abort(new Error('enough')), 5)
          return new Promise(() => undefined)
        },
        return: stopped,
      }),
    }
    await expect(session.put(key('one'), hanging, { signal: controller.signal })).rejects.toThrow('enough')
    expect(stopped).toHaveBeenCalledTimes(1)
    expect(await namesIn(session)).toEqual([])
    expect(vol.readdirSync(incoming)).toEqual([])
  })

  it('does not begin when aborted before', async () => {
    const { session, steps } = await watchedDisk()
    await expect(session.put(key('one'), bodyOf('x'), { signal: AbortSignal.abort(new Error('no')) })).rejects.toThrow(
      'no',
    )
    expect(steps).toEqual([])
  })

  it('refuses to lock objects', async () => {
    const session = await openDisk(memoryDisk().port)
    await expect(session.put(key('one'), bodyOf('x'), { ...call, retainUntil: new Date() })).rejects.toMatchObject({
      code: 'E_UNSUPPORTED',
    })
  })

  it('makes a folder again that was removed meanwhile', async () => {
    const { port, vol } = memoryDisk()
    const session = await openDisk(port)
    await session.put(key('packs/ab/one'), bodyOf('1'), call)
    vol.rmSync('/disk/vault/packs', { recursive: true })
    vol.rmSync(incoming, { recursive: true })
    await session.put(key('packs/ab/two'), bodyOf('2'), call)
    expect(await namesIn(session)).toEqual(['packs/ab/two'])
  })

  it('names temporary files apart even with a source of randomness that repeats itself', async () => {
    const { port } = memoryDisk()
    const context = testContext({ randomBytes: (size) => new Uint8Array(size) })
    const sessions = await Promise.all([openDisk(port, {}, context), openDisk(port, {}, context)])
    await Promise.all(sessions.map((session, index) => session.put(key(`object-${index}`), bodyOf('x'), call)))
    expect(await namesIn(sessions[0]!)).toEqual(['object-0', 'object-1'])
  })
})
