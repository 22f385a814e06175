import type { CallOptions } from '../contract/context.js'
import type { RetentionPolicy } from '../contract/pipeline.js'
import type { TransformPlugin } from '../contract/transform.js'
import { type ChunkIndex, createChunkIndex } from '../repository/chunk-index.js'
import { chunkReader } from '../repository/chunk-reader.js'
import { type Condemnation, condemn, listCondemned } from '../repository/condemned.js'
import { loadIndex } from '../repository/index-store.js'
import { objectPrefixes, packKey } from '../repository/layout.js'
import { framesOf, readPackContents } from '../repository/pack-reader.js'
import type { PointEntry } from '../repository/point-store.js'
import type { Repository } from '../repository/repository.js'
import { requireRemoval } from '../repository/require-removal.js'
import { dropPacksFromIndex } from '../repository/rewrite-index.js'
import { provesData } from '../repository/verification.js'
import { liveWriters, takeLease } from '../repository/writer-lease.js'
import type { OnEvent } from './events.js'
import { frameFetcher } from './fetch-frame.js'
import { openLane } from './lane.js'
import { type ChunkMarks, chunkMarks } from './mark-chunks.js'
import { decideRetention } from './retention.js'
import { copyPool } from './worker-pool.js'

/** How to prune. */
export interface PruneOptions extends CallOptions {
  readonly onEvent?: OnEvent
  readonly dryRun: boolean
  /** Retention of a pipeline; points of pipelines without one are kept. */
  readonly retentionOf: (pipeline: string) => RetentionPolicy | undefined
  /** Chain for chunks that are stored anew when a pack is mostly garbage; without one, such packs stay. */
  readonly transforms?: readonly TransformPlugin[]
  /** @defaultValue 2 */
  readonly workers?: number
}

/** What a prune did, or with `dryRun` would do. */
export interface PruneReport {
  readonly dryRun: boolean
  readonly decisions: readonly PruneDecision[]
  readonly removedPoints: number
  readonly removedPacks: number
  readonly freedBytes: number
  readonly repackedBytes: number
  /** Packs that are condemned, and wait until writers that were running have ended. */
  readonly waitingPacks: number
}

/** Why a point stays or goes. */
export interface PruneDecision {
  readonly point: string
  readonly machine: string
  readonly pipeline: string
  readonly takenAt: string
  readonly keep: boolean
  readonly reasons: readonly string[]
}

/** A pack with less than this share of living bytes is written anew. */
const repackBelow = 0.5

/**
 * Removes what retention no longer wants, and then what nothing references any more. Spec: "Pruning beside writers".
 *
 * Guarantee: safe beside any number of live writers and other prunes, and when killed at any instant: nothing that a
 * committed point references, or a live writer may come to reference, is ever removed.
 */
export async function pruneRepository(repository: Repository, options: PruneOptions): Promise<PruneReport> {
  requireRemoval(repository.store, 'pruned')
  if (options.dryRun) return prune(repository, '', options)
  // A prune is a writer to other prunes: what two of them condemn at once, neither sweeps before the other has ended.
  const lease = await takeLease(repository.store, repository.clock, repository.envelope.randomBytes, 'prune', options)
  try {
    return await prune(repository, lease.id, options)
  } finally {
    await lease.release()
  }
}

async function prune(repository: Repository, ownLease: string, options: PruneOptions): Promise<PruneReport> {
  const notes = await repository.points.listNotes(options)
  const { entries, damaged } = await repository.points.list(options)
  // What a damaged point references is unknown: it must not be swept away before it is repaired.
  const [unreadable] = damaged.filter(({ key }) => key.startsWith(objectPrefixes.points))
  if (unreadable !== undefined) throw unreadable.error
  const decisions = decide(repository, entries, options)
  const going = new Set(decisions.filter((decision) => !decision.keep).map((decision) => decision.point))
  const staying = entries.filter((entry) => !going.has(entry.point.id))
  if (!options.dryRun) {
    for (const entry of entries) if (going.has(entry.point.id)) await repository.points.remove(entry, options)
    // Notes come after their point and go after it: one that was there before the points were listed, and has none, is a leftover.
    const known = new Set(entries.map((entry) => entry.key))
    for (const { key, pointKey } of notes) if (!known.has(pointKey)) await repository.store.remove(key, options)
  }
  const swept = await collectGarbage(repository, staying, ownLease, options)
  return { dryRun: options.dryRun, decisions, removedPoints: going.size, ...swept }
}

function decide(
  repository: Repository,
  entries: readonly PointEntry[],
  options: PruneOptions,
): readonly PruneDecision[] {
  const groups = new Map<string, PointEntry[]>()
  for (const entry of entries) {
    const name = JSON.stringify([entry.point.pipeline, entry.point.machine.id])
    groups.set(name, [...(groups.get(name) ?? []), entry])
  }
  return [...groups.values()].flatMap((group) => {
    const [first] = group
    const points = group.map(({ point, witnessedAt, held, verifications }) => ({
      id: point.id,
      takenAt: new Date(point.takenAt),
      witnessedAt,
      held,
      verified: verifications.some(provesData),
      copied: point.copiedFrom !== undefined,
    }))
    const decided = decideRetention(points, options.retentionOf(first?.point.pipeline ?? ''), repository.clock.now())
    return decided.map(({ id, keep, reasons }) => {
      const entry = group.find(({ point }) => point.id === id)
      return {
        point: id,
        machine: entry?.point.machine.name ?? '',
        pipeline: entry?.point.pipeline ?? '',
        takenAt: entry?.point.takenAt ?? '',
        keep,
        reasons,
      }
    })
  })
}

interface Garbage {
  readonly removedPacks: number
  readonly freedBytes: number
  readonly repackedBytes: number
  readonly waitingPacks: number
}

async function collectGarbage(
  repository: Repository,
  staying: readonly PointEntry[],
  ownLease: string,
  options: PruneOptions,
): Promise<Garbage> {
  const { store, envelope } = repository
  const others = async () => [...(await liveWriters(store, options))].filter(([id]) => id !== ownLease)
  // Packs are listed before points and index are read: one that appears later is not looked at.
  const stored = new Map(
    (await store.list(objectPrefixes.packs, options)).map((info) => [
      info.key.slice(info.key.lastIndexOf('/') + 1),
      info.sizeBytes,
    ]),
  )
  const old = await listCondemned(store, envelope, options)
  const condemnedBefore = new Set(old.flatMap((entry) => entry.packs))
  const index = await completeIndex(repository, new Set(), options)
  const marks = await markAll(repository, index, staying, options)
  const usage = packUsage(index, marks)
  const dead = [...stored.keys()].filter((id) => (usage.get(id)?.livingBytes ?? 0) === 0)
  const sparse = [...usage]
    .filter(
      ([id, use]) =>
        use.livingBytes > 0 &&
        use.livingBytes < use.allBytes * repackBelow &&
        stored.has(id) &&
        !condemnedBefore.has(id),
    )
    .map(([id]) => id)
  const bytesOf = (packs: readonly string[]) => packs.reduce((sum, id) => sum + (stored.get(id) ?? 0), 0)
  if (options.dryRun)
    return {
      removedPacks: dead.length + sparse.length,
      freedBytes: bytesOf(dead),
      repackedBytes: bytesOf(sparse),
      waitingPacks: 0,
    }

  const repacked = await repack(repository, sparse, dead, marks, stored, options)
  const listed = new Set(index.packs().map((pack) => pack.id))
  const isAlone = (await others()).length === 0
  // What no index lists yet may be a live writer's own: condemning it would only keep later runs from building on it.
  const fresh = [...dead, ...repacked].filter((id) => !condemnedBefore.has(id) && (isAlone || listed.has(id)))
  const judged = await judge(repository, old, fresh, async () => (await others()).map(([id]) => id), options)
  const alive = new Map(await others())
  // Of two prunes that see each other neither sweeps: each would write an index anew while the other removes packs.
  const mayRemove = [...alive.values()].every((role) => role === 'writer')
  const ripe = judged.filter((entry) => mayRemove && !entry.writers?.some((writer) => alive.has(writer)))
  const waiting = judged.filter((entry) => !ripe.includes(entry))
  const sweptPacks = await sweep(repository, ripe, options)
  return {
    removedPacks: sweptPacks.length,
    freedBytes: bytesOf(sweptPacks),
    repackedBytes: bytesOf(repacked),
    waitingPacks: waiting.reduce((sum, entry) => sum + entry.packs.length, 0),
  }
}

/** Condemns packs, and settles for which writers each condemnation has to wait: those who may not have seen it. */
async function judge(
  repository: Repository,
  old: readonly Condemnation[],
  fresh: readonly string[],
  liveIds: () => Promise<readonly string[]>,
  options: PruneOptions,
): Promise<readonly Condemnation[]> {
  const { store, envelope } = repository
  const notices = old.filter((entry) => entry.writers === undefined)
  if (fresh.length > 0) notices.push(await condemn(store, envelope, fresh, undefined, options))
  const judged = old.filter((entry) => entry.writers !== undefined)
  if (notices.length === 0) return judged
  // Asked for after the notices are there: whoever is not alive yet will read them.
  const writers = await liveIds()
  const packs = [...new Set(notices.flatMap((notice) => notice.packs))]
  judged.push(await condemn(store, envelope, packs, writers, options))
  for (const { key } of notices) await store.remove(key, options)
  return judged
}

/** Removes condemned packs that still nothing needs: index first, so that no reader is sent to a pack that is gone. */
async function sweep(
  repository: Repository,
  ripe: readonly Condemnation[],
  options: PruneOptions,
): Promise<readonly string[]> {
  if (ripe.length === 0) return []
  const { store, envelope } = repository
  const candidates = new Set(ripe.flatMap((entry) => entry.packs))
  const needed = await packsStillNeeded(repository, candidates, options)
  const going = [...candidates].filter((id) => !needed.has(id))
  await dropPacksFromIndex(store, envelope, new Set(going), options)
  for (const id of going) await store.remove(packKey(id), options)
  for (const { key } of ripe) await store.remove(key, options)
  options.onEvent?.({
    type: 'step',
    message: `removed ${going.length} packs${needed.size > 0 ? `, kept ${needed.size} that are needed again` : ''}`,
  })
  return going
}

/** Looks at all points again: writers that were running when packs were condemned may have committed since. */
async function packsStillNeeded(
  repository: Repository,
  candidates: ReadonlySet<string>,
  options: PruneOptions,
): Promise<ReadonlySet<string>> {
  const { entries } = await repository.points.list(options)
  const all = await completeIndex(repository, new Set(), options)
  const without = await completeIndex(repository, candidates, options)
  const marks = await markAll(repository, all, entries, options)
  const needed = new Set<string>()
  all.forEach((id, location) => {
    if (candidates.has(location.packInfo.id) && marks.has(id) && !without.has(id)) needed.add(location.packInfo.id)
  })
  return needed
}

/** Reads the whole index; a damaged part stops the prune, since what it lists cannot be judged. */
async function completeIndex(
  repository: Repository,
  excluded: ReadonlySet<string>,
  options: CallOptions,
): Promise<ChunkIndex> {
  const index = createChunkIndex(excluded)
  const failures: unknown[] = []
  await loadIndex(repository.store, repository.envelope, index, (_, error) => failures.push(error), options)
  if (failures.length > 0) throw failures[0]
  return index
}

async function markAll(
  repository: Repository,
  index: ChunkIndex,
  entries: readonly PointEntry[],
  options: CallOptions,
): Promise<ChunkMarks> {
  const marks = chunkMarks(
    index,
    chunkReader(repository.store, index, repository.identity, repository.transforms, repository.keys?.keyring),
  )
  for (const entry of entries) await marks.addPoint(entry.point, options)
  return marks
}

/** Counts each chunk once, in the pack that readers would fetch it from. */
function packUsage(
  index: ChunkIndex,
  marks: ChunkMarks,
): ReadonlyMap<string, { livingBytes: number; allBytes: number }> {
  const usage = new Map<string, { livingBytes: number; allBytes: number }>()
  index.forEach((id, location) => {
    const use = usage.get(location.packInfo.id) ?? { livingBytes: 0, allBytes: 0 }
    use.allBytes += location.plainBytes
    const used = index.find(id)
    const isUsed = used?.packInfo.id === location.packInfo.id && used.frameOffset === location.frameOffset
    if (isUsed && marks.has(id)) use.livingBytes += location.plainBytes
    usage.set(location.packInfo.id, use)
  })
  return usage
}

/** Writes the living chunks of mostly dead packs anew and returns the packs that are then dead; copies in dead ones do not count. */
async function repack(
  repository: Repository,
  packs: readonly string[],
  dead: readonly string[],
  marks: ChunkMarks,
  stored: ReadonlyMap<string, number>,
  options: PruneOptions,
): Promise<readonly string[]> {
  const { transforms } = options
  if (packs.length === 0 || transforms === undefined) return []
  const { rewriteChunks } = await import('./rewrite-chunks.js')
  await using pool = copyPool(options.workers ?? 2)
  const { reading, writing } = pool
  await using lane = await openLane(
    'repack',
    repository,
    transforms,
    writing,
    options.signal,
    new Set([...packs, ...dead]),
  )
  const fetcher = frameFetcher(repository, reading)
  const emptied: string[] = []
  for (const id of packs) {
    const contents = await readPackContents(repository.store, repository.envelope, id, stored.get(id) ?? 0, options)
    let lost = 0
    await rewriteChunks(contents.pack, framesOf(contents), marks.has, fetcher, lane, writing, () => lost++, options)
    if (lost === 0) emptied.push(id)
  }
  await lane.settle(options)
  return emptied
}
