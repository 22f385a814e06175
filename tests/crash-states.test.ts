import { spawnSync } from 'node:child_process'
import { type ObjectKey, type TargetPlugin, wrapTarget } from '@holdfast/core'
import { copyPoints } from '@holdfast/core/engine'
import { seededBytes } from '@holdfast/testkit/images'
import { type MemorySource, type MemoryTarget, memorySource, memoryTarget } from '@holdfast/testkit/memory'
import { describe, expect, test } from 'vitest'
import { equalBytes, lab } from './support/lab.js'

const { init, run, open, points, restore, verify, prune } = lab({ workers: 1 })
const deadPid = spawnSync(process.execPath, ['--version']).pid

type State = ReadonlyMap<ObjectKey, Uint8Array>

/** What a target holds; its writers are made to look dead, as those of a killed process are. */
function stateOf({ objects }: MemoryTarget): State {
  return new Map(
    objects.keys().map((key) => {
      const bytes = objects.find(key)?.bytes ?? new Uint8Array()
      if (!key.startsWith('writers/')) return [key, bytes]
      const lease = { ...JSON.parse(Buffer.from(bytes).toString()), pid: deadPid }
      return [key, Buffer.from(JSON.stringify(lease))]
    }),
  )
}

function targetIn(state: State): MemoryTarget {
  const target = memoryTarget()
  for (const [key, bytes] of state) target.objects.overwrite(key, bytes)
  return target
}

/** Every state that a kill can leave: one before each change of the target, and the last. */
function recording(inner: MemoryTarget): { readonly plugin: TargetPlugin; readonly states: State[] } {
  const states: State[] = []
  const plugin = wrapTarget(inner, (session) => ({
    ...session,
    put: (key, body, options) => {
      states.push(stateOf(inner))
      return session.put(key, body, options)
    },
    remove: (key, options) => {
      states.push(stateOf(inner))
      return session.remove(key, options)
    },
  }))
  return { plugin, states }
}

/** Disk of a machine at the time of each point, by the moment it was taken. */
type History = Map<string, Uint8Array>

interface Site {
  readonly source: MemorySource
  readonly history: History
  readonly backUp: (plugin: TargetPlugin) => Promise<void>
}

/** A machine that changes in half of its places before each run, so that packs become mostly garbage. */
function site(): Site {
  const source = memorySource({ machines: [{ name: 'm', disks: { d: seededBytes(1_500_000, 1) } }] })
  const history: History = new Map()
  let day = 0
  return {
    source,
    history,
    backUp: async (plugin) => {
      day++
      source.mutate('m', 'd', (day % 3) * 450_000, seededBytes(450_000, day))
      const report = await run(source, [{ name: 't', plugin }])
      expect(report.status).toBe('done')
      for (const { point } of report.machines[0]?.points ?? []) history.set(point, source.bytes('m', 'd'))
    },
  }
}

/** Opens what a kill left: nothing is damaged, all points restore, a run succeeds, and a prune leaves no garbage. */
async function expectSound(state: State, { source, history, backUp }: Site): Promise<void> {
  const plugin = targetIn(state)
  const target = { name: 't', plugin }
  expect((await verify(target)).damage).toEqual([])
  for (const { point } of await points(target)) {
    const disks = await restore(target, point)
    const wanted = history.get(point.id) ?? source.bytes('m', 'd')
    expect(equalBytes(disks.get('d'), wanted)).toBe(true)
  }
  await backUp(plugin)
  const pruned = await prune(target)
  expect(pruned.waitingPacks).toBe(0)
  const report = await verify(target)
  expect(report.damage).toEqual([])
  const keys = plugin.objects.keys()
  expect(keys.filter((key) => /^(writers|condemned)\//.test(key))).toEqual([])
  expect(keys.filter((key) => key.startsWith('packs/'))).toHaveLength(report.checkedPacks)
  const known = new Set((await points(target)).map(({ key }) => key.slice('points/'.length)))
  const notes = keys.filter((key) => key.startsWith('verified/')).map((key) => key.split('/').slice(1, 3).join('/'))
  expect(notes.filter((note) => !known.has(note))).toEqual([])
}

async function firstTwoPoints(): Promise<Site & { readonly target: MemoryTarget }> {
  const target = memoryTarget()
  const made = site()
  await init({ name: 't', plugin: target })
  await made.backUp(target)
  await made.backUp(target)
  await verify({ name: 't', plugin: target })
  return { ...made, target }
}

describe('every state that a kill can leave behind is sound', () => {
  test('a run', async () => {
    const made = await firstTwoPoints()
    const { plugin, states } = recording(made.target)
    await made.backUp(plugin)
    expect(states.length).toBeGreaterThanOrEqual(6)
    for (const state of states) await expectSound(state, made)
  })

  test('a prune that removes points, repacks and sweeps', { timeout: 240_000 }, async () => {
    const made = await firstTwoPoints()
    await made.backUp(made.target)
    const { plugin, states } = recording(made.target)
    const report = await prune({ name: 't', plugin })
    expect(report.removedPoints).toBe(2)
    expect(report.repackedBytes).toBeGreaterThan(0)
    expect(states.length).toBeGreaterThanOrEqual(15)
    for (const state of states) await expectSound(state, made)
  })

  test('a copy', async () => {
    const made = await firstTwoPoints()
    const other = memoryTarget()
    await init({ name: 't', plugin: other })
    const { plugin, states } = recording(other)
    await using from = await open({ name: 't', plugin: made.target })
    await using to = await open({ name: 't', plugin })
    const signal = new AbortController().signal
    const { entries } = await from.repository.points.list({ signal })
    const { copied } = await copyPoints(from.repository, to.repository, entries, { signal, transforms: [], workers: 1 })
    expect(copied).toHaveLength(2)
    expect(states.length).toBeGreaterThanOrEqual(8)
    for (const state of states) await expectSound(state, made)
  })
})
