import { BackupError, type CallOptions, objectKey, type TargetSession } from '@holdfast/core'
import { beforeEach, describe, expect, test } from 'vitest'
import {
  disconnectAfterBytes,
  type Fault,
  failNth,
  faultySource,
  faultyTarget,
  flipBit,
  full,
  slow,
  stall,
  truncate,
} from '../src/faults/index.js'
import { seededBytes } from '../src/images/index.js'
import { bodyOf, collect, runConformance, testContext, toArray } from '../src/index.js'
import { type MemoryTarget, memorySource, memoryTarget } from '../src/memory/index.js'

const call: CallOptions = { signal: new AbortController().signal }
const context = testContext({ tempDir: '.' })
const [one, two] = [objectKey('packs/one'), objectKey('packs/two')]
const bytes = seededBytes(100_000, 1)
let target: MemoryTarget

beforeEach(() => {
  target = memoryTarget()
})

const open = (...faults: readonly Fault[]): Promise<TargetSession> => faultyTarget(target, ...faults).open(context)

describe('a target with faults', () => {
  test('without any fault keeps the whole contract', async () => {
    const faulty = faultyTarget(memoryTarget({ immutability: true, ordering: true, capacityBytes: 2 ** 30 }))
    const { results } = await runConformance('target', { create: () => faulty, storeInProcess: true })
    expect(results.filter(({ status }) => status === 'failed')).toEqual([])
  })

  test('fails exactly the nth call of an operation', async () => {
    const session = await open(failNth({ operation: 'put', nth: 2 }, () => new BackupError('E_TARGET_DENIED', 'No.')))
    await session.put(one, bodyOf(bytes), call)
    await expect(session.put(two, bodyOf(bytes), call)).rejects.toMatchObject({ code: 'E_TARGET_DENIED' })
    await session.put(two, bodyOf(bytes), call)
    expect(target.objects.keys()).toEqual([one, two])
  })

  test('fails only calls about the named objects', async () => {
    const session = await open(failNth({ operation: 'stat', subject: 'packs/t' }))
    expect(await session.stat(one, call)).toBeUndefined()
    await expect(session.stat(two, call)).rejects.toMatchObject({ code: 'E_TARGET_IO', retry: 'transient' })
  })

  test('stalls until it is aborted', async () => {
    const session = await open(stall({ operation: 'list' }))
    const abort = new AbortController()
    const listing = toArray(session.list('', { signal: abort.signal }))
    const reason = new Error('enough')
    setTimeout(() => abort.abort(reason), 10)
    await expect(listing).rejects.toBe(reason)
    expect(await toArray(session.list('', call))).toEqual([])
  })

  test('breaks every call after so many bytes', async () => {
    const session = await open(disconnectAfterBytes(120_000))
    await session.put(one, bodyOf(bytes, 10_000), call)
    await expect(session.put(two, bodyOf(bytes, 10_000), call)).rejects.toMatchObject({ code: 'E_TARGET_UNAVAILABLE' })
    await expect(session.stat(one, call)).rejects.toMatchObject({ code: 'E_TARGET_UNAVAILABLE' })
    expect(target.objects.keys()).toEqual([one])
  })

  test('is full after so many bytes and still reads', async () => {
    const session = await open(full(150_000))
    await session.put(one, bodyOf(bytes), call)
    await expect(session.put(two, bodyOf(bytes), call)).rejects.toMatchObject({ code: 'E_TARGET_FULL' })
    expect(Buffer.compare(await collect(session.get(one, call)), bytes)).toBe(0)
    expect(target.objects.keys()).toEqual([one])
  })

  test('reads less than is stored, without an error', async () => {
    const session = await open(truncate({ operation: 'get', subject: 'packs/o', offset: 70_000 }))
    for (const key of [one, two]) await session.put(key, bodyOf(bytes), call)
    expect(Buffer.compare(await collect(session.get(one, call)), bytes.subarray(0, 70_000))).toBe(0)
    expect((await collect(session.get(two, call))).length).toBe(100_000)
  })

  test('flips one bit of what it stores', async () => {
    const session = await open(flipBit({ operation: 'put', offset: 66_000, bit: 3 }))
    await session.put(one, bodyOf(bytes), call)
    const stored = await collect(session.get(one, call))
    expect([...stored.keys()].filter((at) => stored[at] !== bytes[at])).toEqual([66_000])
    expect((stored[66_000] ?? 0) ^ (bytes[66_000] ?? 0)).toBe(8)
  })

  test('flips one bit of what it reads, each time, and leaves what is stored as it is', async () => {
    const session = await open(flipBit({ operation: 'get', offset: 5 }))
    await session.put(one, bodyOf(bytes), call)
    for (let again = 0; again < 3; again++) {
      const read = await collect(session.get(one, call))
      expect((read[5] ?? 0) ^ (bytes[5] ?? 0)).toBe(1)
    }
    expect(Buffer.compare(target.objects.find(one)?.bytes ?? Buffer.alloc(0), bytes)).toBe(0)
  })

  test('moves no more than so many bytes a second', async () => {
    const session = await open(slow(1_000_000))
    const started = performance.now()
    await session.put(one, bodyOf(bytes), call)
    expect(performance.now() - started).toBeGreaterThan(90)
  })
})

describe('a source with faults', () => {
  const source = memorySource({ machines: [{ name: 'web-1', disks: { root: bytes } }] })

  async function rootDisk(...faults: readonly Fault[]) {
    const session = await faultySource(source, ...faults).open(context)
    const [machine] = await toArray(session.discover({}, call))
    if (machine === undefined) throw new Error('There is no machine.')
    const prepared = await session.prepare(machine, { previous: new Map() }, call)
    const disk = (await prepared.take(call)).disks[0]
    if (disk === undefined) throw new Error('There is no disk.')
    return disk
  }

  test('fails a read', async () => {
    const disk = await rootDisk(
      failNth({ operation: 'readInto', nth: 2 }, () => new BackupError('E_SOURCE_READ', 'Bad sector.')),
    )
    await disk.readInto(0, new Uint8Array(10), call)
    await expect(disk.readInto(0, new Uint8Array(10), call)).rejects.toMatchObject({ code: 'E_SOURCE_READ' })
  })

  test('fails to take the point in time', async () => {
    await expect(rootDisk(failNth({ operation: 'take' }))).rejects.toMatchObject({ code: 'E_TARGET_IO' })
  })

  test('reads a flipped bit at one place of the disk', async () => {
    const disk = await rootDisk(flipBit({ operation: 'readInto', offset: 5_000 }))
    const into = new Uint8Array(10_000)
    await disk.readInto(1_000, into, call)
    expect([...into.keys()].filter((at) => into[at] !== bytes[1_000 + at])).toEqual([4_000])
  })

  test('reads zeros where the disk was cut off', async () => {
    const disk = await rootDisk(truncate({ operation: 'readInto', offset: 5_000 }))
    const into = new Uint8Array(10_000)
    await disk.readInto(1_000, into, call)
    expect(into.subarray(4_000).every((byte) => byte === 0)).toBe(true)
    expect(Buffer.compare(into.subarray(0, 4_000), bytes.subarray(1_000, 5_000))).toBe(0)
  })
})
