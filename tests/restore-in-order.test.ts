import { BackupError, type ObjectKey, wrapTarget } from '@holdfast/core'
import { type EngineEvent, restorePoint, restorePoints, workerPool } from '@holdfast/core/engine'
import type { RecoveryPoint } from '@holdfast/core/repository'
import { seededBytes } from '@holdfast/testkit/images'
import { memorySource, memoryTarget } from '@holdfast/testkit/memory'
import { aesGcmTransform } from '@holdfast/transform-aes-gcm'
import { zstdTransform } from '@holdfast/transform-zstd'
import { expect, test } from 'vitest'
import { equalBytes, type LabTarget, lab } from './support/lab.js'
import { type Shelf, shelf, storedBytes, type Tape, tape } from './support/tape.js'

const { init, run, open, points } = lab({ workers: 1 })
const call = () => ({ signal: new AbortController().signal })

/** A point, and what its disks must hold. */
interface Kept {
  readonly point: RecoveryPoint
  readonly truth: ReadonlyMap<string, Uint8Array>
}

const names = ['alpha', 'bravo', 'charlie']

/** Three machines that share much, on three days; each run has packs of its own. */
async function filled(target: LabTarget): Promise<readonly Kept[]> {
  const shared = seededBytes(900_000, 1)
  const disk = (seed: number) => {
    const bytes = new Uint8Array(2_500_000)
    bytes.set(shared)
    bytes.set(seededBytes(700_000, seed), 1_200_000)
    bytes.set(shared.subarray(0, 300_000), 2_000_000)
    return bytes
  }
  const source = memorySource({
    machines: names.map((name, i) => ({ name, disks: { a: disk(10 + i), b: seededBytes(400_000, 20 + i) } })),
  })
  await init(target)
  const kept: Kept[] = []
  for (let day = 0; day < 3; day++) {
    for (const [i, name] of names.entries()) {
      const report = await run(source, [target], { select: { include: [name] } })
      expect(report.status).toBe('done')
      const stored = (await points(target)).find(({ point }) => point.id === report.machines[0]?.points[0]?.point)
      if (stored === undefined) throw new Error('there is no point')
      const truth = new Map(['a', 'b'].map((id) => [id, source.bytes(name, id)]))
      kept.push({ point: stored.point, truth })
      source.mutate(name, 'a', 1_300_000 + day * 150_000, seededBytes(200_000, 100 + day * 10 + i))
    }
  }
  return kept
}

interface Outcome {
  readonly shelves: readonly Shelf[]
  readonly error: unknown
  readonly events: readonly EngineEvent[]
  readonly reports: Awaited<ReturnType<typeof restorePoints>>
}

async function restored(
  target: LabTarget,
  wanted: readonly Kept[],
  options: { readonly placesAtOnce?: number; readonly signal?: AbortSignal } = {},
  shelves = wanted.map((_, i) => shelf(`shelf ${i}`)),
  onOpen: () => void = () => {},
): Promise<Outcome> {
  await using opened = await open(target)
  await using pool = workerPool(1)
  const requests = wanted.map(({ point }, i) => {
    const provision = shelves[i]?.provision
    if (provision === undefined) throw new Error('a shelf is missing')
    return { point, provision }
  })
  const events: EngineEvent[] = []
  const onEvent = (event: EngineEvent) => void events.push(event)
  onOpen()
  try {
    const reports = await restorePoints(opened.repository, requests, pool, { ...call(), ...options, onEvent })
    return { shelves, error: undefined, events, reports }
  } catch (error) {
    return { shelves, error, events, reports: [] }
  }
}

function expectWhole({ shelves, error }: Outcome, wanted: readonly Kept[]): void {
  expect(error).toBeUndefined()
  expect(shelves.map(({ journal }) => journal)).toEqual(wanted.map(() => ['provisioned', 'committed', 'disposed']))
  for (const [i, { truth }] of wanted.entries()) {
    for (const [disk, bytes] of truth) expect(equalBytes(shelves[i]?.disks.get(disk), bytes)).toBe(true)
  }
}

function expectNothing({ shelves }: Outcome): void {
  for (const { journal } of shelves) {
    expect(journal).not.toContain('committed')
    if (journal.length > 0) expect(journal).toEqual(['provisioned', 'disposed'])
  }
}

/** Each pack that was read was read once, one at a time, in the order of storing. */
function expectOnePass({ dataPacks, packReads, atOnce }: Tape): void {
  const order = packReads().map(({ key }) => key)
  expect(order.length).toBeGreaterThan(1)
  expect(order).toEqual(dataPacks().filter((key) => order.includes(key)))
  expect(atOnce()).toBe(1)
}

function pick(kept: readonly Kept[], ...numbers: readonly number[]): readonly Kept[] {
  return numbers.flatMap((number) => kept[number] ?? [])
}

test('machines that share chunks are restored in one pass over the packs', async () => {
  const target = tape()
  const kept = await filled(target)
  const wanted = pick(kept, 8, 1, 6, 3)
  const outcome = await restored(target, wanted, {}, undefined, target.rewind)
  expectWhole(outcome, wanted)
  expectOnePass(target)
  expect(outcome.reports.map(({ machine, location }) => [machine, location])).toEqual([
    ['charlie', 'shelf 0'],
    ['bravo', 'shelf 1'],
    ['alpha', 'shelf 2'],
    ['alpha', 'shelf 3'],
  ])
  for (const { disks } of outcome.reports) {
    expect(disks.map(({ disk, sizeBytes }) => [disk, sizeBytes])).toEqual([
      ['a', 2_500_000],
      ['b', 400_000],
    ])
    for (const { sizeBytes, writtenBytes } of disks) {
      expect(writtenBytes).toBeGreaterThan(sizeBytes * 0.7)
      expect(writtenBytes).toBeLessThanOrEqual(sizeBytes)
    }
  }
})

test('packs that are not needed are not read, and of those that are, not what lies around the frames', async () => {
  const target = tape()
  const kept = await filled(target)
  const [first] = kept
  if (first === undefined) throw new Error('there is no point')
  await using opened = await open(target)
  await using pool = workerPool(1)
  target.rewind()
  const one = shelf('one')
  const report = await restorePoint(opened.repository, first.point, one.provision, pool, call())
  expect(report.location).toBe('one')
  expect(equalBytes(one.disks.get('a'), first.truth.get('a'))).toBe(true)
  const [pack] = target.dataPacks()
  const packBytes = storedBytes(target, pack ?? '').length
  const [read] = target.packReads()
  expect(target.packReads().map(({ key }) => key)).toEqual([pack])
  expect(read?.offset).toBe(64)
  expect(read?.length).toBeLessThan(packBytes - 64)
})

test('only the chosen disks are provisioned and read', async () => {
  const target = tape()
  const [first] = await filled(target)
  if (first === undefined) throw new Error('there is no point')
  await using opened = await open(target)
  await using pool = workerPool(1)
  const one = shelf('one')
  const disks = first.point.disks.filter(({ id }) => id === 'b').map(({ id }) => id)
  await restorePoints(opened.repository, [{ point: first.point, provision: one.provision, disks }], pool, call())
  expect([...one.disks.keys()]).toEqual(['b'])
  expect(equalBytes(one.disks.get('b'), first.truth.get('b'))).toBe(true)
})

test.each([1, 10, 25])(
  'a plan of %i places at a time gives the same bytes, and still one pass',
  async (placesAtOnce) => {
    const target = tape()
    const kept = await filled(target)
    const wanted = pick(kept, 7, 8, 0)
    expectWhole(await restored(target, wanted, { placesAtOnce }, undefined, target.rewind), wanted)
    expectOnePass(target)
  },
)

test('encrypted packs are restored the same way', async () => {
  const keyed = [zstdTransform({ level: 1 }), aesGcmTransform({ passphrase: { env: 'TAPE' } })]
  const target = tape(undefined, {}, keyed)
  const kept = await filled(target)
  const wanted = pick(kept, 8, 6)
  expectWhole(await restored(target, wanted, {}, undefined, target.rewind), wanted)
  expectOnePass(target)
})

test('packs of many frames pass through two buffers, however slowly they are written', async () => {
  const target = tape(undefined, {}, [])
  const source = memorySource({
    machines: ['m', 'n'].map((name, i) => ({ name, disks: { d: seededBytes(38_000_000, i + 1) } })),
  })
  await init(target)
  expect((await run(source, [target])).status).toBe('done')
  const wanted = (await points(target)).map(({ point }) => ({
    point,
    truth: new Map([['d', source.bytes(point.machine.name, 'd')]]),
  }))
  const slowly = () => new Promise<void>((resolve) => setTimeout(resolve, 20))
  const shelves = wanted.map((_, i) => shelf(`shelf ${i}`, slowly))
  expectWhole(await restored(target, wanted, {}, shelves, target.rewind), wanted)
  expectOnePass(target)
  expect(target.packReads().length).toBeGreaterThan(3)
})

test('each disk tells where it is, whatever the order of the packs', async () => {
  const target = tape()
  const kept = await filled(target)
  const wanted = pick(kept, 7, 8)
  const outcome = await restored(target, wanted)
  expectWhole(outcome, wanted)
  for (const { disk, writtenBytes, machine } of outcome.reports.flatMap(({ machine, disks }) =>
    disks.map((each) => ({ ...each, machine })),
  )) {
    const own = outcome.events.filter((event) => 'disk' in event && event.disk === disk && event.machine === machine)
    const steps = own.slice(1, -1).map((event) => (event.type === 'disk-progress' ? event.positionBytes : -1))
    expect(own.map(({ type }) => type).join()).toMatch(/^disk-started(,disk-progress)+,disk-finished$/)
    expect(steps).toEqual([...steps].sort((a, b) => a - b))
    expect(steps.every((position) => position > 0 && position <= 2_500_000)).toBe(true)
    expect(own.at(-1)).toMatchObject({ readBytes: writtenBytes })
  }
  // All are begun before any is finished: it is one pass.
  const types = outcome.events.map(({ type }) => type)
  expect(types.lastIndexOf('disk-started')).toBeLessThan(types.indexOf('disk-finished'))
})

test('a disk without data is finished, and so is a restore of nothing', async () => {
  const target = tape()
  const source = memorySource({ machines: [{ name: 'm', disks: { empty: new Uint8Array(5_000_000) } }] })
  await init(target)
  await run(source, [target])
  const [stored] = await points(target)
  if (stored === undefined) throw new Error('there is no point')
  const wanted = [{ point: stored.point, truth: new Map([['empty', source.bytes('m', 'empty')]]) }]
  const outcome = await restored(target, wanted)
  expectWhole(outcome, wanted)
  expect(outcome.events.map(({ type }) => type)).toEqual(['disk-started', 'disk-finished'])
  expect((await restored(target, [])).reports).toEqual([])
})

test('damage in one pack names machine and disk, and nothing is committed', async () => {
  const target = tape()
  const kept = await filled(target)
  const key = target.dataPacks()[1] ?? ''
  const bytes = storedBytes(target, key)
  bytes[5000] = (bytes[5000] ?? 0) ^ 1
  target.memory.objects.overwrite(key as ObjectKey, bytes)
  const outcome = await restored(target, pick(kept, 8, 1, 0))
  expect(outcome.error).toMatchObject({
    code: 'E_DAMAGED',
    context: { machine: 'bravo', object: key, disk: expect.stringMatching(/^[ab]$/) },
  })
  expectNothing(outcome)
})

test('a pack that is gone is noticed before any is read', async () => {
  const target = tape()
  const kept = await filled(target)
  const key = target.dataPacks()[5] ?? ''
  target.memory.objects.drop(key as ObjectKey)
  const outcome = await restored(target, pick(kept, 0, 8), {}, undefined, target.rewind)
  expect(outcome.error).toMatchObject({ code: 'E_DAMAGED', context: { machine: 'charlie', disk: 'a', object: key } })
  expect(target.packReads()).toEqual([])
  expectNothing(outcome)
})

test('chunks of which the index object was lost are found in the packs', async () => {
  const target = tape()
  const kept = await filled(target)
  const lost = target.memory.objects.keys().find((key) => key.startsWith('index/'))
  if (lost === undefined) throw new Error('there is no index')
  target.memory.objects.drop(lost)
  const wanted = pick(kept, 6, 8)
  expectWhole(await restored(target, wanted), wanted)
})

test('chunks that are nowhere are named with their machine and disk', async () => {
  const target = tape()
  const kept = await filled(target)
  for (const key of target.memory.objects.keys())
    if (key.startsWith('index/') || key === target.dataPacks()[0]) target.memory.objects.drop(key)
  const outcome = await restored(target, pick(kept, 8), {}, undefined, target.rewind)
  expect(outcome.error).toMatchObject({ code: 'E_DAMAGED', context: { machine: 'charlie', disk: 'a' } })
  expectNothing(outcome)
})

test('a medium that is needed is asked for as the target asks', async () => {
  let fails = false
  const needed = new BackupError('E_MEDIA_NEEDED', "Put in cartridge 'A00007L8'.", { context: { medium: 'A00007L8' } })
  const target = tape(({ key }) => {
    if (fails && key === target.dataPacks()[2]) throw needed
  })
  const kept = await filled(target)
  const outcome = await restored(target, pick(kept, 8, 2), {}, undefined, () => {
    fails = true
  })
  expect(outcome.error).toBe(needed)
  expectNothing(outcome)
})

test('when one disk cannot be written nothing is committed', async () => {
  const target = tape()
  const kept = await filled(target)
  const full = new Error('the disk is full')
  let writes = 0
  const shelves = [
    shelf('good'),
    shelf('full', () => {
      writes++
      if (writes > 3) throw full
    }),
  ]
  const outcome = await restored(target, pick(kept, 8, 7), {}, shelves)
  expect(outcome.error).toBe(full)
  expectNothing(outcome)
  expect(target.underWay()).toBe(0)
})

test('an abort at any moment is heeded, and nothing is committed or read any more', async () => {
  let moment = 0
  let stopAt = 0
  let controller = new AbortController()
  const tick = () => {
    moment++
    if (moment === stopAt) controller.abort(new Error(`stop ${stopAt}`))
  }
  const target = tape(tick)
  const kept = await filled(target)
  const wanted = pick(kept, 8, 7)
  let aborted = 0
  for (stopAt = 1; ; stopAt += 3) {
    controller = new AbortController()
    const shelves = wanted.map((_, i) => shelf(`shelf ${i}`, tick))
    const { signal } = controller
    const outcome = await restored(target, wanted, { signal, placesAtOnce: 50 }, shelves, () => {
      moment = 0
    })
    if (!signal.aborted) {
      expectWhole(outcome, wanted)
      break
    }
    expect(outcome.error).toBe(signal.reason)
    expectNothing(outcome)
    expect(target.underWay()).toBe(0)
    const after = moment
    await new Promise((resolve) => setTimeout(resolve, 5))
    expect(moment).toBe(after)
    aborted++
  }
  expect(aborted).toBeGreaterThan(10)
})

test('an order that leaves a pack out is refused before any is read', async () => {
  const target = tape()
  const kept = await filled(target)
  const forgetful = wrapTarget(target.plugin, (session) => ({
    ...session,
    ordering: { order: async (keys) => keys.slice(1) },
  }))
  const outcome = await restored({ ...target, plugin: forgetful }, pick(kept, 8), {}, undefined, target.rewind)
  expect(outcome.error).toMatchObject({ code: 'E_PLUGIN_UNEXPECTED', message: expect.stringContaining('leaves out') })
  expect(target.packReads()).toEqual([])
  expectNothing(outcome)
})

test('a sequential target that knows no order is read in the order of storing', async () => {
  const target = tape(undefined, { ordering: false })
  const kept = await filled(target)
  const wanted = pick(kept, 8, 3)
  expectWhole(await restored(target, wanted, {}, undefined, target.rewind), wanted)
  expectOnePass(target)
})

test('from a target that is not sequential, one point is restored and committed after another', async () => {
  const target = { name: 'disk', plugin: memoryTarget(), transforms: [zstdTransform({ level: 1 })] }
  const kept = await filled(target)
  const wanted = pick(kept, 8, 0)
  const outcome = await restored(target, wanted)
  expectWhole(outcome, wanted)
  const starts = outcome.events.flatMap((event, i) => (event.type === 'disk-started' ? [i] : []))
  const ends = outcome.events.flatMap((event, i) => (event.type === 'disk-finished' ? [i] : []))
  expect(starts[1]).toBeGreaterThan(ends[0] ?? Number.POSITIVE_INFINITY)
})
