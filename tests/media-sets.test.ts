import { type PluginContext, type TargetPlugin, wrapTarget } from '@holdfast/core'
import {
  copyPoints,
  neededMedia,
  openTargetRepositories,
  openTargetRepository,
  restorePoint,
  workerPool,
} from '@holdfast/core/engine'
import type { Repository } from '@holdfast/core/repository'
import { seededBytes } from '@holdfast/testkit/images'
import { type MemoryTargetOptions, memorySource, memoryTarget } from '@holdfast/testkit/memory'
import { aesGcmTransform } from '@holdfast/transform-aes-gcm'
import { zstdTransform } from '@holdfast/transform-zstd'
import { expect, test } from 'vitest'
import { equalBytes, lab, memoryPlacement } from './support/lab.js'

const { host, init, run, open, points } = lab({ workers: 1 })
const call = { signal: new AbortController().signal }
const transforms = [zstdTransform({ level: 1 }), aesGcmTransform({ passphrase: { env: 'SETS' } })]

/** A library of tapes. */
function tapes(options: MemoryTargetOptions = {}) {
  return {
    name: 'tapes',
    plugin: memoryTarget({ sequential: true, sync: true, sets: true, media: true, ...options }),
    transforms,
  }
}

function machine() {
  return memorySource({ machines: [{ name: 'm', disks: { d: seededBytes(3_000_000, 1) } }] })
}

function openAll(target: { readonly name: string; readonly plugin: TargetPlugin }) {
  return openTargetRepositories({ ...target, transforms, offered: [] }, host, call)
}

async function restored(repository: Repository, at = 0): Promise<Uint8Array | undefined> {
  const { entries } = await repository.points.list(call)
  const point = entries[at]?.point
  if (point === undefined) throw new Error(`there is no point ${at}`)
  const { disks, provision } = memoryPlacement()
  await using pool = workerPool(1)
  await restorePoint(repository, point, provision, pool, call)
  return disks.get('d')
}

test('each set that a run begins is an encrypted repository of its own, from which alone every machine comes back', async () => {
  const target = tapes({ allocation: 'new' })
  const source = machine()
  const states: Uint8Array[] = []
  for (let day = 0; day < 3; day++) {
    expect((await run(source, [target])).status).toBe('done')
    states.push(source.bytes('m', 'd'))
    source.mutate('m', 'd', 100_000 * day, seededBytes(50_000, 10 + day))
  }
  await using opened = await openAll(target)
  expect(opened.unreadable).toEqual([])
  expect(opened.repositories.map(({ set }) => set?.id)).toEqual(['set-1', 'set-2', 'set-3'])
  const ids = new Set(opened.repositories.map(({ repository }) => repository.description.id))
  expect(ids.size).toBe(3)
  for (const [day, { repository, set }] of opened.repositories.entries()) {
    expect(repository.description.encrypted).toBe(true)
    expect(equalBytes(await restored(repository), states[day])).toBe(true)
    const { objects } = target.plugin.mediaSets().find(({ id }) => id === set?.id) ?? {}
    expect(objects?.keys()).toContain('restore.mjs')
  }
})

test('a run goes on in the set that there is, and stores only what changed', async () => {
  const target = tapes()
  const source = machine()
  const first = await run(source, [target])
  source.mutate('m', 'd', 0, seededBytes(50_000, 9))
  const second = await run(source, [target])
  expect(target.plugin.mediaSets().length).toBe(1)
  expect(second.targets[0]?.storedBytes).toBeLessThan((first.targets[0]?.storedBytes ?? 0) / 4)
  await using opened = await openAll(target)
  expect((await opened.repositories[0]?.repository.points.list(call))?.entries.length).toBe(2)
})

test('a set without a keyed transform in its chain is not encrypted, whatever else is at hand', async () => {
  const target = { ...tapes(), transforms: [zstdTransform({ level: 1 })] }
  await using opened = await openTargetRepository({ ...target, offered: transforms }, host, call)
  expect(opened.repository.description.encrypted).toBe(false)
})

test('a set is kept for as long as whoever writes it asks', async () => {
  const target = tapes()
  const keepUntil = new Date(Date.now() + 86_400_000)
  {
    await using _ = await openTargetRepository({ ...target, offered: [] }, host, { ...call, keepUntil })
  }
  expect(target.plugin.mediaSets()[0]?.keepUntil).toEqual(keepUntil)
})

test('many sets are read over one session, and reading changes nothing in them', async () => {
  const target = { ...tapes({ allocation: 'new', removes: true }), transforms: [zstdTransform({ level: 1 })] }
  for (let count = 0; count < 7; count++) await run(machine(), [target])
  const keys = () => target.plugin.mediaSets().map(({ objects }) => [...objects.keys()].sort())
  const before = keys()
  let sessions = 0
  let puts = 0
  const counted = wrapTarget(target.plugin, (session) => {
    sessions++
    const { sets } = session
    if (sets === undefined) return session
    const open: typeof sets.open = async (id, options) => {
      const set = await sets.open(id, options)
      const put: typeof set.put = (...put) => {
        puts++
        return set.put(...put)
      }
      return { ...set, put }
    }
    return { ...session, sets: { ...sets, open } }
  })
  {
    await using opened = await openAll({ ...target, plugin: counted })
    const ids = opened.repositories.map(({ set }) => set?.id)
    expect(ids).toEqual(before.map((_, at) => `set-${at + 1}`))
    for (const { repository } of opened.repositories) await restored(repository)
  }
  expect(sessions).toBe(1)
  // Not even a sign of life, which would be refused.
  expect(puts).toBe(0)
  expect(keys()).toEqual(before)
})

test('no more sets are opened at once than keys can be derived', async () => {
  const target = tapes({ allocation: 'new' })
  for (let count = 0; count < 6; count++) await run(machine(), [target])
  let deriving = 0
  let most = 0
  const deriveKey: typeof host.deriveKey = async (...args) => {
    most = Math.max(most, ++deriving)
    await new Promise((done) => setTimeout(done, 20))
    deriving--
    return host.deriveKey(...args)
  }
  await using opened = await openTargetRepositories({ ...target, offered: [] }, { ...host, deriveKey }, call)
  expect(opened.repositories.length).toBe(6)
  expect(most).toBe(4)
})

test('a set that cannot be opened is named with its error beside those that can', async () => {
  const target = tapes({ allocation: 'new' })
  for (let count = 0; count < 3; count++) await run(machine(), [target])
  const { objects } = target.plugin.mediaSets()[1] ?? {}
  for (const key of objects?.keys() ?? []) if (key.startsWith('holdfast')) objects?.drop(key)
  await using opened = await openAll(target)
  expect(opened.repositories.map(({ set }) => set?.id)).toEqual(['set-1', 'set-3'])
  expect(opened.unreadable).toMatchObject([{ set: { id: 'set-2' }, error: { code: 'E_REPOSITORY_NOT_FOUND' } }])
  expect(String(Object(opened.unreadable[0]?.error).message)).toContain("Target 'tapes', set 'set-2'")
})

test('a target without sets has one repository, and no set', async () => {
  const target = { name: 'vault', plugin: memoryTarget(), transforms }
  await init(target)
  await using opened = await openAll(target)
  expect(opened.repositories.map(({ set }) => set)).toEqual([undefined])
  const { store, repository } = opened.repositories[0] ?? {}
  expect(repository?.store).toBe(store)
})

test('sessions are closed when a set cannot be written', async () => {
  let openSessions = 0
  const counting = (plugin: TargetPlugin): TargetPlugin => ({
    ...plugin,
    open: async (context: PluginContext) => {
      const session = await plugin.open(context)
      openSessions++
      const dispose = async () => {
        openSessions--
        await session[Symbol.asyncDispose]()
      }
      const write = async () => {
        throw new Error('the drive is in use')
      }
      return { ...session, ...(session.sets && { sets: { ...session.sets, write } }), [Symbol.asyncDispose]: dispose }
    },
  })
  const target = tapes()
  const plugin = counting(target.plugin)
  await expect(openTargetRepository({ ...target, plugin, offered: [] }, host, call)).rejects.toThrow('in use')
  expect(openSessions).toBe(0)
})

test('exactly the media that are named are needed to restore a point', async () => {
  const target = tapes({ mediumBytes: 400_000 })
  const source = memorySource({
    machines: [
      { name: 'm', disks: { d: seededBytes(3_000_000, 1) } },
      { name: 'n', disks: { d: seededBytes(2_000_000, 2) } },
    ],
  })
  // One machine after the other, so that they share no medium but one.
  for (const include of [['m'], ['n']]) await run(source, [target], { select: { include } })
  await using opened = await openAll(target)
  const { repository, set } = opened.repositories[0] ?? {}
  if (repository === undefined) throw new Error('there is no set')
  const { entries } = await repository.points.list(call)
  const [first, second] = entries
  if (first === undefined || second === undefined) throw new Error('there are no points')
  const names = set?.media.map(({ name }) => name) ?? []
  const neededBy = async (...wanted: readonly (typeof first)[]) =>
    (
      await neededMedia(
        repository,
        wanted.map(({ point }) => point),
        call,
      )
    ).map(({ name }) => name)
  const needed = await neededBy(first)
  expect(needed.length).toBeGreaterThan(0)
  expect(needed.length).toBeLessThan(names.length)
  expect(await neededBy(first, second)).toEqual(names)

  const { media } = target.plugin
  for (const name of names) if (!needed.includes(name)) media.takeAway(name, 'vault')
  expect(equalBytes(await restored(repository), source.bytes('m', 'd'))).toBe(true)
  for (const name of needed) {
    media.takeAway(name, 'vault')
    await expect(restored(repository)).rejects.toMatchObject({ code: 'E_MEDIA_NEEDED', context: { medium: name } })
    media.bringBack(name)
  }
})

test('only the media of the wanted disks are needed', async () => {
  const target = tapes()
  const [own, shared] = [seededBytes(2_000_000, 1), seededBytes(2_000_000, 2)]
  const machines = [
    { name: 'm', disks: { a: own, b: shared } },
    { name: 'n', disks: { d: shared } },
  ]
  // What one disk of the second point shares with the first point is in that one's pack.
  for (const include of [['n'], ['m']]) await run(memorySource({ machines }), [target], { select: { include } })
  await using opened = await openAll(target)
  const { repository } = opened.repositories[0] ?? {}
  const entry = (await repository?.points.list(call))?.entries[1]
  if (repository === undefined || entry === undefined) throw new Error('there is no point')
  const ids = entry.point.disks.map(({ id }) => id)
  const all = await neededMedia(repository, [entry.point], call)
  const keysOf = async (...wanted: typeof ids) =>
    new Set((await neededMedia(repository, [entry.point], { ...call, disks: wanted })).flatMap(({ keys }) => keys))
  const [a, b] = [await keysOf(...ids.slice(0, 1)), await keysOf(...ids.slice(1))]
  expect(a.size).toBeGreaterThan(0)
  expect(a.size).toBeLessThan(all.flatMap(({ keys }) => keys).length)
  expect(new Set([...a, ...b])).toEqual(new Set(all.flatMap(({ keys }) => keys)))
})

test('points are copied into a set and come back from it', async () => {
  const from = { name: 'vault', plugin: memoryTarget(), transforms }
  const source = machine()
  await init(from)
  await run(source, [from])
  const target = tapes()
  {
    await using vault = await open(from)
    await using set = await openTargetRepository({ ...target, offered: [] }, host, call)
    await copyPoints(vault.repository, set.repository, await points(from), { ...call, transforms, workers: 1 })
  }
  await using opened = await openAll(target)
  const { repository } = opened.repositories[0] ?? {}
  if (repository === undefined) throw new Error('there is no set')
  expect(equalBytes(await restored(repository), source.bytes('m', 'd'))).toBe(true)
})
