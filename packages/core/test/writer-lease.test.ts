import { spawnSync } from 'node:child_process'
import { hostname } from 'node:os'
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import type { Clock } from '../src/contract/context.js'
import type { ObjectKey } from '../src/model/ids.js'
import { liveWriters, takeLease } from '../src/repository/writer-lease.js'
import { memoryStore } from './support/memory-store.js'

const options = { signal: new AbortController().signal }
const minute = 60_000

let serial = 0
const randomBytes = (size: number) => Buffer.alloc(size, ++serial)

describe('a lease', () => {
  beforeEach(() => vi.useFakeTimers())
  afterEach(() => vi.useRealTimers())

  const clock: Clock = { now: () => new Date(), sleep: async () => {} }

  test('is renewed, shows its writer alive, and goes with it', async () => {
    const { store, objects } = memoryStore()
    const lease = await takeLease(store, clock, randomBytes, 'writer', options)
    for (let i = 0; i < 10; i++) {
      await vi.advanceTimersByTimeAsync(20 * minute)
      expect(lease.isFresh()).toBe(true)
      expect([...(await liveWriters(store, options))]).toEqual([[lease.id, 'writer']])
      expect(objects.size).toBe(1)
    }
    await lease.release()
    expect(objects.size).toBe(0)
  })

  test('that was once overdue stays lapsed, also when it is renewed again', async () => {
    const { store } = memoryStore()
    const lease = await takeLease(store, clock, randomBytes, 'writer', options)
    vi.setSystemTime(Date.now() + 90 * minute)
    expect(lease.isFresh()).toBe(false)
    await vi.advanceTimersByTimeAsync(16 * minute)
    expect(lease.isFresh()).toBe(false)
    await lease.release()
  })

  test('of another host lives for an hour by the clock of the target, however wrong the own clock is', async () => {
    let skew = 0
    const { store, objects } = memoryStore({ now: () => Date.now() + skew })
    const foreign = {
      id: 'ff',
      role: 'writer',
      host: 'elsewhere',
      boot: 'x',
      pid: 1,
      renewedAt: new Date(0).toISOString(),
    }
    await store.put('writers/ff-0' as ObjectKey, [Buffer.from(JSON.stringify(foreign))], options)
    skew = -5 * 60 * minute
    objects.set('writers/ff-0', { bytes: Buffer.from(JSON.stringify(foreign)), at: Date.now() + skew })
    const own = await takeLease(store, clock, randomBytes, 'prune', options)
    expect((await liveWriters(store, options)).get('ff')).toBe('writer')
    skew += 61 * minute
    await takeLease(store, clock, randomBytes, 'prune', options)
    const live = await liveWriters(store, options)
    expect(live.has('ff')).toBe(false)
    expect(live.get(own.id)).toBeUndefined()
  })

  test('of a process that ended is removed; of one that cannot be read the role is unknown', async () => {
    const { store, objects } = memoryStore()
    const own = await takeLease(store, clock, randomBytes, 'writer', options)
    const [, mine] = [...objects][0] ?? []
    const dead = { ...JSON.parse(mine?.bytes.toString() ?? '{}'), pid: spawnSync(process.execPath, ['--version']).pid }
    expect(dead.host).toBe(hostname())
    await store.put('writers/aa-3' as ObjectKey, [Buffer.from(JSON.stringify(dead))], options)
    await store.put('writers/bb-0' as ObjectKey, [Buffer.from('not JSON')], options)
    expect(new Map(await liveWriters(store, options))).toEqual(
      new Map([
        [own.id, 'writer'],
        ['bb', 'unknown'],
      ]),
    )
    expect([...objects.keys()]).not.toContain('writers/aa-3')
  })
})
