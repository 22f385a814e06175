import type { CallOptions } from '../contract/context.js'
import type { TransformPlugin } from '../contract/transform.js'
import { listCondemned } from '../repository/condemned.js'
import { storeIndexRun } from '../repository/index-store.js'
import { objectPrefixes, packKey } from '../repository/layout.js'
import { indexRunOf, type PackContents, readPackContents } from '../repository/pack-reader.js'
import type { PointEntry } from '../repository/point-store.js'
import type { Repository } from '../repository/repository.js'
import { dropPacksFromIndex } from '../repository/rewrite-index.js'
import { mendTwins } from '../repository/twins.js'
import { copyStoredDisks, sameCapture, storedDiskReader } from './copy-points.js'
import type { OnEvent } from './events.js'
import { frameFetcher } from './fetch-frame.js'
import { openLane } from './lane.js'
import { rewriteChunks } from './rewrite-chunks.js'
import { examineRepository } from './verify-repository.js'
import { type WorkerPool, workerPool } from './worker-pool.js'

/** How to repair. */
export interface RepairOptions extends CallOptions {
  readonly onEvent?: OnEvent
  /** Chain for data that is stored anew. */
  readonly transforms: readonly TransformPlugin[]
}

/** What a repair did. */
export interface RepairReport {
  /** What was done, a sentence each. */
  readonly mended: readonly string[]
  /** Points that still cannot be restored whole. */
  readonly stillBroken: readonly string[]
}

/**
 * Mends a repository: twins and indexes from what it holds itself, lost chunks from another repository's copies.
 *
 * Guarantee: nothing readable is removed before it is stored elsewhere; killed at any instant, running it again goes on.
 */
export async function repairRepository(
  repository: Repository,
  from: Repository | undefined,
  options: RepairOptions,
): Promise<RepairReport> {
  const mended: string[] = []
  const say = (message: string) => {
    mended.push(message)
    options.onEvent?.({ type: 'step', message })
  }
  for (const key of await mendTwins(repository, options)) say(`${key} was written anew from its twin`)
  await using reading = workerPool(1)
  await removeDamagedNotes(repository, reading, say, options)
  await rebuildIndex(repository, reading, say, options)
  const found = await examineRepository(repository, reading, { signal: options.signal, readData: true })
  if (found.brokenPacks.size > 0 || found.brokenPoints.length > 0) {
    await replaceLost(repository, from, found, reading, say, options)
  }
  await restoreDamagedPoints(repository, from, reading, say, options)
  const after = await examineRepository(repository, reading, { signal: options.signal, readData: false })
  const lost = after.report.damage
    .filter((damage) => damage.object.startsWith(objectPrefixes.points))
    .map((damage) => damage.object)
  return {
    mended,
    stillBroken: [...new Set([...after.brokenPoints.map((entry) => entry.point.id as string), ...lost])],
  }
}

/** Notes about points (verifications, condemnations) can be done without: a damaged one only stands in the way. */
async function removeDamagedNotes(
  repository: Repository,
  pool: WorkerPool,
  say: (message: string) => void,
  options: RepairOptions,
): Promise<void> {
  const { damagedNotes } = await examineRepository(repository, pool, { signal: options.signal, readData: false })
  for (const key of damagedNotes) {
    await repository.store.remove(key, options)
    say(`${key} was damaged and removed: it only noted a verification`)
  }
  for (const { key } of await repository.store.list(objectPrefixes.condemned, options)) {
    try {
      await listCondemned(onlyObject(repository, key), repository.envelope, options)
    } catch {
      options.signal.throwIfAborted()
      await repository.store.remove(key, options)
      say(`${key} was damaged and removed: the next prune writes it anew`)
    }
  }
}

function onlyObject(repository: Repository, key: string): Repository['store'] {
  const { store } = repository
  return { ...store, list: async (prefix, call) => (await store.list(prefix, call)).filter((info) => info.key === key) }
}

/** Lists again, from their own footers, the packs that damaged or lost index objects listed. */
async function rebuildIndex(
  repository: Repository,
  pool: WorkerPool,
  say: (message: string) => void,
  options: RepairOptions,
): Promise<void> {
  const { store, envelope } = repository
  const { damagedIndexes, unlistedPacks, index } = await examineRepository(repository, pool, {
    signal: options.signal,
    readData: false,
  })
  if (damagedIndexes.length === 0 && unlistedPacks.length === 0) return
  const listed = new Set(index.packs().map((pack) => pack.id))
  const contents: PackContents[] = []
  for (const info of await store.list(objectPrefixes.packs, options)) {
    const id = info.key.slice(info.key.lastIndexOf('/') + 1)
    if (listed.has(id)) continue
    try {
      contents.push(await readPackContents(store, envelope, id, info.sizeBytes, options))
    } catch (error) {
      options.signal.throwIfAborted()
      say(`${info.key} is listed nowhere and has no readable footer: left alone`)
    }
  }
  if (contents.length > 0) {
    await storeIndexRun(store, envelope, indexRunOf(contents), options)
    say(`the index of ${contents.length} packs was rebuilt from their footers`)
  }
  for (const key of damagedIndexes) {
    await store.remove(key, options)
    say(`${key} was damaged and removed`)
  }
}

/** Stores what is still good of broken packs anew, copies broken points from the other repository, drops the packs. */
async function replaceLost(
  repository: Repository,
  from: Repository | undefined,
  found: Awaited<ReturnType<typeof examineRepository>>,
  reading: WorkerPool,
  say: (message: string) => void,
  options: RepairOptions,
): Promise<void> {
  const { store, envelope } = repository
  await using writing = workerPool(2)
  await using lane = await openLane(
    'repair',
    repository,
    options.transforms,
    writing,
    options.signal,
    found.brokenPacks,
  )
  const fetcher = frameFetcher(repository, reading)
  const sizes = new Map(
    (await store.list(objectPrefixes.packs, options)).map((info) => [info.key as string, info.sizeBytes]),
  )
  for (const id of found.brokenPacks) {
    const sizeBytes = sizes.get(packKey(id))
    if (sizeBytes === undefined) continue
    try {
      const contents = await readPackContents(store, envelope, id, sizeBytes, options)
      await rewriteChunks(
        contents,
        () => true,
        fetcher,
        lane,
        writing,
        () => {},
        options,
      )
    } catch (error) {
      options.signal.throwIfAborted()
      say(`${packKey(id)} has no readable footer: nothing of it could be kept`)
    }
  }
  await lane.settle(options)
  if (from !== undefined) {
    const { entries } = await from.points.list(options)
    const reader = await storedDiskReader(from, reading, options)
    for (const entry of found.brokenPoints) {
      const good = entries.find((other) => sameCapture(other.point, entry.point))
      if (good === undefined) continue
      const disks = await copyStoredDisks(good.point, undefined, lane, reader, writing, options)
      await lane.settle(options)
      await replacePoint(repository, entry, { ...entry.point, disks }, options)
      say(`${entry.point.id} of ${entry.point.machine.name} was completed from the other repository`)
    }
  }
  await dropPacksFromIndex(store, envelope, found.brokenPacks, options)
  for (const id of found.brokenPacks) {
    await store.remove(packKey(id), options)
    say(`${packKey(id)} was replaced and removed`)
  }
}

/** A point keeps its name: the new manifest takes the old one's place. */
async function replacePoint(
  repository: Repository,
  entry: PointEntry,
  point: PointEntry['point'],
  options: CallOptions,
): Promise<void> {
  await repository.store.remove(entry.key, options)
  await repository.points.write(point, options)
}

/** Copies points whose manifest itself is damaged. */
async function restoreDamagedPoints(
  repository: Repository,
  from: Repository | undefined,
  reading: WorkerPool,
  say: (message: string) => void,
  options: RepairOptions,
): Promise<void> {
  const { damaged, entries } = await repository.points.list(options)
  const broken = damaged.filter(({ key }) => key.startsWith(objectPrefixes.points))
  if (broken.length === 0 || from === undefined) return
  const names = new Set(broken.map(({ key }) => key.slice(key.lastIndexOf('/') + 1)))
  const others = (await from.points.list(options)).entries.filter(
    ({ point }) => names.has(point.id) && !entries.some((entry) => sameCapture(entry.point, point)),
  )
  await using writing = workerPool(2)
  await using lane = await openLane('repair', repository, options.transforms, writing, options.signal)
  const reader = await storedDiskReader(from, reading, options)
  for (const { point } of others) {
    const bad = broken.find(({ key }) => key.endsWith(`/${point.id}`))
    const disks = await copyStoredDisks(point, undefined, lane, reader, writing, options)
    await lane.settle(options)
    if (bad !== undefined) await repository.store.remove(bad.key, options)
    await repository.points.write({ ...point, disks }, options)
    say(`the manifest of ${point.id} was written anew from the other repository`)
  }
}
