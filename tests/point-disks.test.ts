import { BackupError, type DiskId, type TargetPlugin, wrapTarget } from '@holdfast/core'
import { openPointDisks, type PointDisks, type ReadableDisk, systemClock, workerPool } from '@holdfast/core/engine'
import { failNth, faultyTarget, flipBit } from '@holdfast/testkit/faults'
import { seededBytes, seededNumbers } from '@holdfast/testkit/images'
import { memorySource, memoryTarget } from '@holdfast/testkit/memory'
import fc from 'fast-check'
import { describe, expect, onTestFinished, test } from 'vitest'
import { equalBytes, type Lab, lab } from './support/lab.js'

const mib = 2 ** 20
const call = { signal: new AbortController().signal }

/** Two leaves of a tree: data, a hole across their border, data, and an odd end. */
const sizeBytes = 41 * mib + 12_345
function someDisk(seed = 1): Uint8Array {
  const bytes = new Uint8Array(sizeBytes)
  bytes.set(seededBytes(20 * mib, seed))
  bytes.set(seededBytes(sizeBytes - 36 * mib, seed + 1), 36 * mib)
  return bytes
}

/** A stored machine with its disk `d`, and calls of its target counted. */
async function stored(bytes = someDisk(), own: Lab = lab({ workers: 1 })) {
  const memory = memoryTarget()
  const gets: string[] = []
  const lists: string[] = []
  const plugin = wrapTarget(memory, (session) => ({
    ...session,
    get: (key, options) => {
      gets.push(key)
      return session.get(key, options)
    },
    list: (prefix, options) => {
      lists.push(prefix)
      return session.list(prefix, options)
    },
  }))
  const target = { name: 't', plugin }
  const source = memorySource({ machines: [{ name: 'm', disks: { d: bytes } }] })
  await own.init(target)
  await own.run(source, [target])
  return { own, memory, target, source, gets, lists }
}

interface Opened {
  readonly opened: PointDisks
  readonly disk: ReadableDisk
}

/** Opens the newest point; everything is closed when the test ends. */
async function openNewest(
  own: Lab,
  plugin: TargetPlugin,
  options: Partial<Parameters<typeof openPointDisks>[3]> = {},
): Promise<Opened> {
  const target = await own.open({ name: 't', plugin })
  const point = (await target.repository.points.list(call)).entries.at(-1)?.point
  if (point === undefined) throw new Error('no point was stored')
  const pool = workerPool(1)
  const opened = await openPointDisks(target.repository, point, pool, { ...call, ...options })
  onTestFinished(async () => {
    await opened[Symbol.asyncDispose]()
    await pool[Symbol.asyncDispose]()
    await target[Symbol.asyncDispose]()
  })
  const [disk] = opened.disks
  if (disk === undefined) throw new Error('the point has no disk')
  return { opened, disk }
}

async function bytesOf(disk: ReadableDisk, offset: number, length: number): Promise<Uint8Array> {
  const into = new Uint8Array(length).fill(0xee)
  await disk.read(offset, into, call)
  return into
}

describe('the disks of a point', () => {
  test('read the same as what was backed up, whatever is read at the same time', async () => {
    const bytes = someDisk()
    const { own, target } = await stored(bytes)
    const place = fc.oneof(fc.nat(sizeBytes), fc.constantFrom(20 * mib, 32 * mib, 36 * mib, sizeBytes))
    const length = fc.oneof(fc.nat(5000), fc.nat(300_000), fc.constantFrom(0, 4096, 5 * mib))
    const reads = fc.array(fc.tuple(place, length), { minLength: 1, maxLength: 40 })
    const disks = [0, 700_000, 6 * mib, 256 * mib].map((cacheBytes) => openNewest(own, target.plugin, { cacheBytes }))
    const open = await Promise.all(disks)
    await fc.assert(
      fc.asyncProperty(reads, fc.nat(3), async (list, which) => {
        const { disk, opened } = open[which] ?? open[0] ?? expect.unreachable()
        await Promise.all(
          list.map(async ([at, wanted]) => {
            const end = Math.min(sizeBytes, at + wanted)
            expect(equalBytes(await bytesOf(disk, at, end - at), bytes.subarray(at, end))).toBe(true)
            expect(opened.facts().cachedBytes).toBeLessThanOrEqual([0, 700_000, 6 * mib, 256 * mib][which] ?? 0)
          }),
        )
      }),
      { numRuns: 40 },
    )
  })

  test('tell data and zeros from the trees alone, and fetch nothing for zeros', async () => {
    const { own, target } = await stored()
    const { opened, disk } = await openNewest(own, target.plugin)
    const extents: (readonly [kind: string, offset: number, length: number])[] = []
    for await (const { kind, offset, length } of disk.extents(0, sizeBytes, call)) extents.push([kind, offset, length])
    expect(extents).toEqual([
      ['data', 0, 20 * mib],
      ['zero', 20 * mib, 16 * mib],
      ['data', 36 * mib, sizeBytes - 36 * mib],
    ])
    expect(equalBytes(await bytesOf(disk, 20 * mib, 16 * mib), new Uint8Array(16 * mib))).toBe(true)
    expect(opened.facts().fetchedFrames).toBe(0)
    const some: unknown[] = []
    for await (const extent of disk.extents(19 * mib, 2 * mib, call)) some.push(extent)
    expect(some).toEqual([
      { offset: 19 * mib, length: mib, kind: 'data' },
      { offset: 20 * mib, length: mib, kind: 'zero' },
    ])
  })

  test('fetch a frame once for all who want it at the same time, and not again while there is room', async () => {
    const bytes = someDisk()
    const { own, target } = await stored(bytes)
    const { opened, disk } = await openNewest(own, target.plugin)
    const all = await Promise.all(Array.from({ length: 100 }, (_, i) => bytesOf(disk, i * 4096, 4096)))
    all.forEach((read, i) => expect(equalBytes(read, bytes.subarray(i * 4096, (i + 1) * 4096))).toBe(true))
    expect(opened.facts().fetchedFrames).toBe(1)
    await bytesOf(disk, 3 * mib, 4096)
    expect(opened.facts().fetchedFrames).toBe(1)
  })

  test('are fetched ahead for who reads in order, each frame once, and never for who reads here and there', async () => {
    const { own, target } = await stored()
    const inOrder = await openNewest(own, target.plugin)
    for (let at = 0; at < 20 * mib; at += 65_536) await bytesOf(inOrder.disk, at, 65_536)
    const { fetchedFrames, framesAhead } = inOrder.opened.facts()
    // 20 MiB of new data are five frames of 4 MiB.
    expect(fetchedFrames).toBe(5)
    expect(framesAhead).toBe(4)
    const here = await openNewest(own, target.plugin, { cacheBytes: 8 * mib })
    const random = seededNumbers(1)
    for (let i = 0; i < 200; i++) await bytesOf(here.disk, (random() % (20 * 16)) * 65_536, 4096)
    expect(here.opened.facts().framesAhead).toBe(0)
    const never = await openNewest(own, target.plugin, { readAheadBytes: 0 })
    for (let at = 0; at < 8 * mib; at += 65_536) await bytesOf(never.disk, at, 65_536)
    expect(never.opened.facts()).toMatchObject({ fetchedFrames: 2, framesAhead: 0 })
  })

  test('are fetched ahead a frame or a few at a time, not all at once', async () => {
    const { own, memory } = await stored(seededBytes(48 * mib, 5))
    const gate = { isShut: false }
    const gated = wrapTarget(memory, (session) => ({
      ...session,
      get: async function* (key, options) {
        if (gate.isShut) await systemClock.sleep(3_600_000, options)
        yield* session.get(key, options)
      },
    }))
    const { disk, opened } = await openNewest(own, gated)
    for (let at = 27; at >= 0; at--) await bytesOf(disk, at * mib, mib)
    for await (const _ of disk.extents(0, 48 * mib, call));
    expect(opened.facts().framesAhead).toBe(0)
    gate.isShut = true
    // Four frames lie between the last read and the end of what would be of use.
    for (let at = 0; at < 28; at++) await bytesOf(disk, at * mib, mib)
    expect(opened.facts().framesAhead).toBe(1)
  })

  test('read right from a target that takes its time', async () => {
    const bytes = someDisk()
    const { own, memory } = await stored(bytes)
    const slow = wrapTarget(memory, (session) => ({
      ...session,
      get: async function* (key, options) {
        await systemClock.sleep(5, options)
        yield* session.get(key, options)
      },
    }))
    const { disk } = await openNewest(own, slow)
    const starts = Array.from({ length: 64 }, (_, i) => (i * 7919 * 4096) % (sizeBytes - 200_000))
    const all = await Promise.all(starts.map((at) => bytesOf(disk, at, 200_000)))
    all.forEach((read, i) => {
      const at = starts[i] ?? 0
      expect(equalBytes(read, bytes.subarray(at, at + 200_000))).toBe(true)
    })
  })

  test('fail where a pack is damaged, with its name, and nowhere else', async () => {
    const bytes = someDisk()
    const { own, memory, target } = await stored(bytes)
    // Another day, so that the first 4 MiB are in a pack of their own.
    const evolved = memorySource({ machines: [{ name: 'm', disks: { d: bytes } }] })
    const before = new Set<string>(memory.objects.keys())
    evolved.mutate('m', 'd', 0, seededBytes(4 * mib, 99))
    await own.run(evolved, [target])
    const pack = memory.objects.keys().find((key) => {
      const isNew = key.startsWith('packs/') && !before.has(key)
      return isNew && (memory.objects.find(key)?.bytes.length ?? 0) > mib
    })
    const { disk } = await openNewest(
      own,
      faultyTarget(memory, flipBit({ operation: 'get', subject: pack ?? '?', offset: 3000 })),
      { readAheadBytes: 0 },
    )
    await expect(bytesOf(disk, 4 * mib - 100, 200)).rejects.toMatchObject({
      code: 'E_DAMAGED',
      context: { object: pack, disk: 'd', machine: 'm' },
    })
    expect(equalBytes(await bytesOf(disk, 8 * mib, mib), bytes.subarray(8 * mib, 9 * mib))).toBe(true)
    await expect(bytesOf(disk, 0, 1)).rejects.toMatchObject({ code: 'E_DAMAGED' })
  })

  test('keep a prune from removing what they may read, until they are closed', async () => {
    const bytes = someDisk()
    const { own, memory, target } = await stored(bytes)
    const repository = await own.open(target)
    const point = (await own.points(target)).at(-1)?.point ?? expect.unreachable()
    const pool = workerPool(1)
    const opened = await openPointDisks(repository.repository, point, pool, call)
    for (const key of memory.objects.keys()) if (/^point(s|-copies)\//.test(key)) memory.objects.drop(key)
    for (let round = 0; round < 3; round++) expect((await own.prune(target)).removedPacks).toBe(0)
    const [disk] = opened.disks
    const read = disk && (await bytesOf(disk, 0, 20 * mib))
    expect(equalBytes(read, bytes.subarray(0, 20 * mib))).toBe(true)
    await opened[Symbol.asyncDispose]()
    expect(memory.objects.keys().filter((key) => key.startsWith('writers/'))).toEqual([])
    for (let round = 0; round < 2; round++) await own.prune(target)
    expect(memory.objects.keys().filter((key) => key.startsWith('packs/'))).toEqual([])
    await pool[Symbol.asyncDispose]()
    await repository[Symbol.asyncDispose]()
  })

  test('are found again when a prune has moved them, where nobody can say that he reads', async () => {
    const { own, memory, target, source, lists } = await stored()
    // Less than half of the first packs lives on.
    source.mutate('m', 'd', 0, seededBytes(16 * mib, 7))
    await own.run(source, [target])
    const readOnly = wrapTarget(target.plugin, (session) => ({
      ...session,
      put: async () => {
        throw new BackupError('E_TARGET_READ_ONLY', 'The target takes no writes.')
      },
    }))
    const { disk } = await openNewest(own, readOnly, { cacheBytes: 0 })
    const packs = memory.objects.keys().filter((key) => key.startsWith('packs/'))
    for (let round = 0; round < 2; round++) await own.prune(target)
    expect(packs.every((key) => memory.objects.find(key) !== undefined)).toBe(false)
    const before = lists.length
    const starts = [0, 15, 16, 17, 19, 36, 40].map((start) => start * mib)
    const all = await Promise.all(starts.map((at) => bytesOf(disk, at, mib)))
    all.forEach((read, i) => {
      const at = starts[i] ?? 0
      expect(equalBytes(read, source.bytes('m', 'd').subarray(at, at + mib))).toBe(true)
    })
    expect(lists.slice(before).filter((prefix) => prefix === 'index/')).not.toEqual([])
  })

  test('do not look for what is lost with every read', async () => {
    let now = Date.now()
    const own = lab({ workers: 1, clock: { now: () => new Date(now), sleep: async () => {} } })
    const { memory, target, lists } = await stored(someDisk(), own)
    const { disk } = await openNewest(own, target.plugin, { readAheadBytes: 0 })
    // Trees are read first, and are at hand from then on.
    for await (const _ of disk.extents(0, sizeBytes, call));
    for (const key of memory.objects.keys()) if (key.startsWith('packs/')) memory.objects.drop(key)
    const before = lists.length
    const looked = () => lists.slice(before).filter((prefix) => prefix === 'index/').length
    const fail = () => expect(bytesOf(disk, 0, 4096)).rejects.toMatchObject({ code: 'E_DAMAGED' })
    await fail()
    const once = looked()
    expect(once).toBeGreaterThan(0)
    for (let i = 0; i < 5; i++) await fail()
    expect(looked()).toBe(once)
    now += 61_000
    await fail()
    expect(looked()).toBe(2 * once)
  })

  test('let a reader go who does not want to wait, and leave his memory alone', async () => {
    const { own, memory } = await stored()
    const gate = Promise.withResolvers<void>()
    let isHeld = true
    const held = wrapTarget(memory, (session) => ({
      ...session,
      get: async function* (key, options) {
        if (isHeld && key.startsWith('packs/') && options.range !== undefined && options.range.length > mib)
          await gate.promise
        yield* session.get(key, options)
      },
    }))
    const { disk } = await openNewest(own, held, { readAheadBytes: 0 })
    const impatient = new AbortController()
    const into = new Uint8Array(4096).fill(0xee)
    const [gone, stays] = [disk.read(0, into, impatient), bytesOf(disk, 4096, 4096)]
    await new Promise((resolve) => setTimeout(resolve, 50))
    impatient.abort(new Error('impatient'))
    await expect(gone).rejects.toThrow('impatient')
    isHeld = false
    gate.resolve()
    expect(equalBytes(await stays, someDisk().subarray(4096, 8192))).toBe(true)
    expect(into.every((byte) => byte === 0xee)).toBe(true)
  })

  test('end what is being read when they are closed, ahead of readers too', async () => {
    const { own, memory } = await stored()
    const repository = await own.open({ name: 't', plugin: stalling(memory) })
    const point = (await repository.repository.points.list(call)).entries.at(-1)?.point ?? expect.unreachable()
    const pool = workerPool(1)
    const opened = await openPointDisks(repository.repository, point, pool, call)
    const [disk] = opened.disks
    if (disk === undefined) return expect.unreachable()
    const reads = Array.from({ length: 20 }, (_, i) => bytesOf(disk, i * mib, mib).catch((error) => error.code))
    await new Promise((resolve) => setTimeout(resolve, 50))
    await opened[Symbol.asyncDispose]()
    expect(new Set(await Promise.all(reads))).toEqual(new Set(['E_ABORTED']))
    await expect(bytesOf(disk, 0, 1)).rejects.toMatchObject({ code: 'E_ABORTED' })
    await pool[Symbol.asyncDispose]()
    await repository[Symbol.asyncDispose]()
  })

  test('are refused where they cannot be had: no range reads, no such disk, no such range', async () => {
    const { own, memory, target } = await stored()
    const noRanges = { ...memory, capabilities: { ...memory.capabilities, rangeRead: false } }
    await expect(openNewest(own, noRanges)).rejects.toMatchObject({
      code: 'E_UNSUPPORTED',
      hint: expect.stringContaining('holdfast copy'),
    })
    await expect(openNewest(own, target.plugin, { disks: ['sdz' as DiskId] })).rejects.toMatchObject({
      code: 'E_USAGE',
    })
    expect(memory.objects.keys().filter((key) => key.startsWith('writers/'))).toEqual([])
    const { disk } = await openNewest(own, target.plugin)
    for (const [offset, length] of [
      [sizeBytes, 1],
      [-1, 1],
      [0.5, 1],
      [0, sizeBytes + 1],
    ] as const)
      await expect(bytesOf(disk, offset, length)).rejects.toMatchObject({ code: 'E_USAGE' })
    expect(await bytesOf(disk, sizeBytes, 0)).toHaveLength(0)
  })

  test('leave no lease behind when the index cannot be read', async () => {
    const { own, memory } = await stored()
    const broken = faultyTarget(
      memory,
      failNth({ operation: 'list', subject: 'index/' }, () => new BackupError('E_TARGET_DENIED', 'No.')),
    )
    await expect(openNewest(own, broken)).rejects.toMatchObject({ code: 'E_TARGET_DENIED' })
    expect(memory.objects.keys().filter((key) => key.startsWith('writers/'))).toEqual([])
  })
})

/** Never answers a request for data of more than a MiB, until it is aborted. */
function stalling(target: TargetPlugin): TargetPlugin {
  return wrapTarget(target, (session) => ({
    ...session,
    get: async function* (key, options) {
      if (key.startsWith('packs/') && options.range !== undefined && options.range.length > mib)
        await systemClock.sleep(3_600_000, options)
      yield* session.get(key, options)
    },
  }))
}
