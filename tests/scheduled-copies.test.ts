import { type CopyPeriod, type Pipeline, type PipelineTarget, wrapTarget } from '@holdfast/core'
import { copyDue, dueCopies, type EngineEvent, openTargetRepositories, runPipeline } from '@holdfast/core/engine'
import { seededBytes } from '@holdfast/testkit/images'
import { memorySource, memoryTarget } from '@holdfast/testkit/memory'
import { zstdTransform } from '@holdfast/transform-zstd'
import { expect, test } from 'vitest'
import { lab } from './support/lab.js'

const call = { signal: new AbortController().signal }
const transforms = [zstdTransform({ level: 1 })]

/** A pipeline of two machines whose runs and copies happen at times that a test says. */
async function world(scheduled: readonly Omit<PipelineTarget, 'transforms'>[]) {
  let now = new Date(0)
  const { host, init } = lab({ workers: 1, clock: { now: () => now, sleep: async () => undefined } })
  const vault = { name: 'vault', plugin: memoryTarget() }
  const source = memorySource({
    machines: [
      { name: 'db', disks: { d: seededBytes(1_500_000, 1) } },
      { name: 'web', disks: { d: seededBytes(1_500_000, 2) } },
    ],
  })
  const pipeline: Pipeline = { name: 'nightly', source, transforms, targets: [...scheduled, vault] }
  await init({ ...vault, transforms })
  const events: EngineEvent[] = []
  const onEvent = (event: EngineEvent) => void events.push(event)
  const at = (time: string) => {
    now = new Date(time)
  }
  return {
    ...{ host, vault, source, pipeline, events, at, init },
    run: async (time: string, include = ['*']) => {
      at(time)
      await runPipeline({ ...pipeline, select: { include } }, host, call)
    },
    copy: async (time: string) => {
      at(time)
      return copyDue(pipeline, host, { ...call, onEvent })
    },
    /** When the points on a target were taken, by machine. */
    taken: async (target: PipelineTarget) => {
      await using opened = await openTargetRepositories({ ...target, transforms, offered: [] }, host, call)
      const points: string[] = []
      for (const { repository } of opened.repositories)
        for (const { point } of (await repository.points.list(call)).entries)
          points.push(`${point.machine.name} ${point.takenAt.slice(0, 10)}`)
      return points.sort((a, b) => (a.slice(-10) + a < b.slice(-10) + b ? -1 : 1))
    },
  }
}

function tapes(every: CopyPeriod = 'week') {
  return { name: 'tapes', plugin: memoryTarget({ sets: true, media: true, allocation: 'new', sync: true }), every }
}

test('a run does not feed a target that gets copies; each machine is copied there once a week', async () => {
  const target = tapes()
  const { run, copy, taken } = await world([target])
  // Monday to Sunday, and the Monday after.
  for (const day of ['23', '24', '29']) {
    await run(`2026-11-${day}T01:00:00Z`)
    expect((await taken(target)).length).toBe(day === '23' ? 0 : 2)
    await copy(`2026-11-${day}T02:00:00Z`)
  }
  expect(await taken(target)).toEqual(['db 2026-11-23', 'web 2026-11-23'])
  await run('2026-11-30T01:00:00Z')
  const [report] = await copy('2026-11-30T02:00:00Z')
  expect(report).toMatchObject({ target: 'tapes', status: 'done', skipped: [] })
  expect(report?.copied.map(({ machine }) => machine).sort()).toEqual(['db', 'web'])
  expect(await taken(target)).toEqual(['db 2026-11-23', 'web 2026-11-23', 'db 2026-11-30', 'web 2026-11-30'])
  // All machines of a week went into one set.
  expect(target.plugin.mediaSets().length).toBe(2)
})

test.each<[CopyPeriod, string, string, boolean]>([
  ['day', '2026-11-23T00:00:00Z', '2026-11-23T23:59:59Z', false],
  ['day', '2026-11-23T23:59:59Z', '2026-11-24T00:00:00Z', true],
  ['week', '2025-12-29T00:00:00Z', '2026-01-04T23:59:59Z', false],
  ['week', '2026-01-04T23:59:59Z', '2026-01-05T00:00:00Z', true],
  ['month', '2026-02-01T00:00:00Z', '2026-02-28T23:59:59Z', false],
  ['month', '2026-02-28T23:59:59Z', '2026-03-01T00:00:00Z', true],
  ['quarter', '2026-04-01T00:00:00Z', '2026-06-30T23:59:59Z', false],
  ['quarter', '2026-06-30T23:59:59Z', '2026-07-01T00:00:00Z', true],
  ['quarter', '2025-12-31T23:59:59Z', '2026-01-01T00:00:00Z', true],
  ['year', '2026-01-01T00:00:00Z', '2026-12-31T23:59:59Z', false],
  ['year', '2026-12-31T23:59:59Z', '2027-01-01T00:00:00Z', true],
])('by the %s, a copy of %s makes one at %s due: %s', async (every, first, second, isDue) => {
  const { run, copy, pipeline, host } = await world([tapes(every)])
  await run(first, ['db'])
  await copy(first)
  await run(second, ['db'])
  const [due] = await dueCopies(pipeline, host, call)
  expect([due?.due.length, due?.skipped.length]).toEqual(isDue ? [1, 0] : [0, 1])
})

test('only machines that lack a copy of the period are copied', async () => {
  const target = tapes()
  const { run, copy, taken } = await world([target])
  await run('2026-11-23T01:00:00Z', ['db'])
  await copy('2026-11-23T02:00:00Z')
  await run('2026-11-24T01:00:00Z')
  const [report] = await copy('2026-11-24T02:00:00Z')
  expect(report?.copied.map(({ machine }) => machine)).toEqual(['web'])
  expect(report?.skipped).toMatchObject([{ machine: 'db', takenAt: '2026-11-23T01:00:00.000Z' }])
  expect(await taken(target)).toEqual(['db 2026-11-23', 'web 2026-11-24'])
})

test('nothing is opened for writing when nothing is due', async () => {
  const target = tapes()
  let writers = 0
  const plugin = wrapTarget(target.plugin, (session) => ({
    ...session,
    ...(session.sets && {
      sets: {
        ...session.sets,
        write: (options) => {
          writers++
          return session.sets?.write(options) ?? Promise.reject(new Error('no sets'))
        },
      },
    }),
  }))
  const { run, copy, events } = await world([{ ...target, plugin }])
  await run('2026-11-23T01:00:00Z')
  for (const hour of ['02', '03', '04']) await copy(`2026-11-23T${hour}:00:00Z`)
  expect(writers).toBe(1)
  expect(events.filter(({ type }) => type.startsWith('copy-'))).toEqual([
    { type: 'copy-started', pipeline: 'nightly', target: 'tapes', points: 2 },
    { type: 'copy-finished', pipeline: 'nightly', target: 'tapes', status: 'done', copied: 2 },
  ])
})

test('the sets of copies are kept for as long as the pipeline says', async () => {
  const target = { ...tapes(), keepMs: 91 * 86_400_000 }
  const { run, copy } = await world([target])
  await run('2026-11-23T01:00:00Z')
  await copy('2026-11-23T02:00:00Z')
  expect(target.plugin.mediaSets()[0]?.keepUntil).toEqual(new Date('2027-02-22T02:00:00Z'))
})

test('a target that fails in the middle says what it got, and the next gets all', async () => {
  const failing = tapes()
  let manifests = 0
  const plugin = wrapTarget(failing.plugin, (session) => ({
    ...session,
    ...(session.sets && {
      sets: {
        ...session.sets,
        write: async (options) => {
          const set = await session.sets?.write(options)
          if (set === undefined) throw new Error('no sets')
          const put: typeof set.put = async (key, body, call) => {
            if (key.startsWith('points/') && manifests++ >= 1) throw new Error('the tape tore')
            return set.put(key, body, call)
          }
          return { ...set, put }
        },
      },
    }),
  }))
  const good = { ...tapes(), name: 'more-tapes' }
  const { run, copy, taken, events } = await world([{ ...failing, plugin }, good])
  await run('2026-11-23T01:00:00Z')
  const [torn, whole] = await copy('2026-11-23T02:00:00Z')
  expect(torn).toMatchObject({ target: 'tapes', status: 'failed', copied: [{ machine: expect.any(String) }] })
  expect(torn?.error?.message).toContain('the tape tore')
  expect(whole).toMatchObject({ target: 'more-tapes', status: 'done' })
  expect(await taken(good)).toEqual(['db 2026-11-23', 'web 2026-11-23'])
  expect(events).toContainEqual({
    type: 'copy-finished',
    pipeline: 'nightly',
    target: 'tapes',
    status: 'failed',
    copied: 1,
  })
  expect(events.map(({ type }) => type)).toContain('target-failed')
})

test('when what is copied from cannot be read, every target says so', async () => {
  const { run, copy, vault } = await world([tapes(), { ...tapes('month'), name: 'archive' }])
  await run('2026-11-23T01:00:00Z')
  for (const key of vault.plugin.objects.keys()) if (key.startsWith('holdfast')) vault.plugin.objects.drop(key)
  const reports = await copy('2026-11-23T02:00:00Z')
  expect(reports).toMatchObject([
    { target: 'tapes', status: 'failed', error: { code: 'E_REPOSITORY_NOT_FOUND' } },
    { target: 'archive', status: 'failed', error: { code: 'E_REPOSITORY_NOT_FOUND' } },
  ])
})

test('points of other pipelines are neither copied nor taken for copies', async () => {
  const target = tapes()
  const { run, copy, at, pipeline, host, taken } = await world([target])
  await run('2026-11-23T01:00:00Z')
  await copy('2026-11-23T02:00:00Z')
  at('2026-12-01T01:00:00Z')
  const other = { ...pipeline, name: 'other', select: { include: ['web'] } }
  await runPipeline(other, host, call)
  const [report] = await copy('2026-12-01T02:00:00Z')
  expect(report).toMatchObject({
    copied: [],
    skipped: expect.arrayContaining([expect.objectContaining({ machine: 'web' })]),
  })
  expect(await dueCopies(other, host, call)).toMatchObject([{ due: [{ machine: 'web' }], skipped: [] }])
  expect((await taken(target)).length).toBe(2)
})

test('a point that is dated in the future does not stop copies until then', async () => {
  const target = tapes()
  const { run, copy, taken } = await world([target])
  await run('2030-01-01T00:00:00Z', ['db'])
  await copy('2030-01-01T00:00:00Z')
  await run('2026-11-23T01:00:00Z', ['db'])
  await copy('2026-11-23T02:00:00Z')
  expect(await taken(target)).toEqual(['db 2026-11-23', 'db 2030-01-01'])
})

test('of a disk target too, copies are read only as far as they differ from the one before', async () => {
  const target = { name: 'offsite', plugin: memoryTarget(), every: 'day' as const }
  const { run, copy, source, init, events, taken } = await world([target])
  await init({ ...target, transforms })
  await run('2026-11-23T01:00:00Z')
  await copy('2026-11-23T02:00:00Z')
  source.mutate('db', 'd', 0, seededBytes(50_000, 7))
  await run('2026-11-24T01:00:00Z')
  events.length = 0
  await copy('2026-11-24T02:00:00Z')
  const read = events.flatMap((event) => (event.type === 'disk-finished' ? [event.readBytes] : []))
  expect(read.length).toBe(2)
  for (const bytes of read) expect(bytes).toBeLessThan(1_000_000)
  expect(await taken(target)).toEqual(['db 2026-11-23', 'web 2026-11-23', 'db 2026-11-24', 'web 2026-11-24'])
})

test('a pipeline must have something to copy from, and keeps only sets for a time', async () => {
  const { pipeline, host, vault } = await world([])
  const alone = { ...pipeline, targets: [tapes()] }
  await expect(runPipeline(alone, host, call)).rejects.toMatchObject({ code: 'E_PLAN', hint: /without 'every'/ })
  const kept = { ...pipeline, targets: [{ ...vault, keepMs: 1_000 }] }
  await expect(runPipeline(kept, host, call)).rejects.toMatchObject({
    code: 'E_PLAN',
    hint: /the retention of the pipeline/,
  })
})
