import type { CallOptions } from '../contract/context.js'
import { BackupError } from '../contract/errors.js'
import type { TransformPlugin } from '../contract/transform.js'
import type { ObjectKey } from '../model/ids.js'
import { fromHex, sameBytes, toHex } from '../repository/bytes.js'
import { listCondemned } from '../repository/condemned.js'
import { isDamage } from '../repository/damage.js'
import { storeIndexRun } from '../repository/index-store.js'
import { keyName, objectPrefixes, packKey, pointKey } from '../repository/layout.js'
import { onlyObject } from '../repository/only-object.js'
import { indexRunsOf, type PackContents, readPackContents } from '../repository/pack-reader.js'
import type { PointEntry } from '../repository/point-store.js'
import { machineTag, type RecoveryPoint, type StoredDisk } from '../repository/recovery-point.js'
import type { Repository } from '../repository/repository.js'
import { requireRemoval } from '../repository/require-removal.js'
import { dropPacksFromIndex } from '../repository/rewrite-index.js'
import { mendTwins } from '../repository/twins.js'
import { liveWriters, takeLease } from '../repository/writer-lease.js'
import { sameCapture, storedDiskReader } from './copy-points.js'
import type { OnEvent } from './events.js'
import { type Lane, openLane } from './lane.js'
import { mendDisk } from './mend-disk.js'
import { finishReplacements, replacePoint } from './replace-point.js'
import type { StoredDiskReader } from './repository-disk.js'
import { saveBrokenPacks } from './save-broken-packs.js'
import { type Examination, examineRepository } from './verify-repository.js'
import { copyPool, type WorkerPool } from './worker-pool.js'

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
  /** Ids of points that still cannot be restored whole, and keys of other objects that are still damaged. */
  readonly stillBroken: readonly string[]
}

interface Repair {
  readonly repository: Repository
  readonly from: Repository | undefined
  readonly reading: WorkerPool
  readonly writing: WorkerPool
  readonly say: (message: string) => void
  readonly options: RepairOptions
}

/**
 * Mends a repository: twins, notes and indexes from what it holds itself, lost chunks from another repository's copies.
 *
 * Guarantee: nothing readable is removed before it is stored elsewhere; killed at any instant, running it again goes on.
 * A chunk is taken from the other repository only when it is the chunk that was lost.
 */
export async function repairRepository(
  repository: Repository,
  from: Repository | undefined,
  options: RepairOptions,
): Promise<RepairReport> {
  const { store, clock, envelope } = repository
  requireRemoval(store, 'repaired')
  // To prunes this is one of them: of those that see each other, none removes anything.
  const lease = await takeLease(store, clock, envelope.randomBytes, 'prune', options)
  try {
    const others = [...(await liveWriters(store, options))].filter(([id]) => id !== lease.id)
    if (others.some(([, role]) => role === 'prune')) throw busy()
    return await repair(repository, from, options)
  } finally {
    await lease.release()
  }
}

function busy(): BackupError {
  return new BackupError('E_REPOSITORY_BUSY', 'A prune or another repair is at work on this repository.', {
    operation: 'repository.repair',
    hint: 'Wait until it has ended. A process that died on another host counts for an hour after its last sign of life.',
  })
}

async function repair(
  repository: Repository,
  from: Repository | undefined,
  options: RepairOptions,
): Promise<RepairReport> {
  const mended: string[] = []
  const say = (message: string) => {
    mended.push(message)
    options.onEvent?.({ type: 'step', message })
  }
  await using pool = copyPool(2)
  const { reading, writing } = pool
  const work: Repair = { repository, from, reading, writing, say, options }
  for (const key of await mendTwins(repository, options)) say(`${key} was written anew from its twin`)
  for (const key of await finishReplacements(repository, options))
    say(`${key} was put in place: an earlier repair was interrupted`)
  for (const key of await repository.points.mendCopies(options)) say(`${key} was written anew from its twin`)
  await removeDamagedNotes(work)
  await rebuildIndex(work)
  const found = await examineRepository(repository, reading, { signal: options.signal, readData: true })
  for (const error of found.packErrors.values()) if (!mayBeDamage(error)) throw error
  if (found.brokenPacks.size > 0 || found.brokenPoints.length > 0) await replaceLost(work, found)
  await restoreDamagedPoints(work)
  // The notes of a point are read only where the point itself can be.
  await removeDamagedNotes(work)
  const after = await examineRepository(repository, reading, { signal: options.signal, readData: false })
  const broken = after.brokenPoints.map((entry) => entry.point.id as string)
  // What hurts only points is told by their ids.
  const objects = after.report.damage.filter((damage) => damage.points.length === 0).map((damage) => damage.object)
  return { mended, stillBroken: [...new Set([...broken, ...objects])] }
}

/** A disk that cannot read a sector says so as an I/O error; what does not answer at all may be whole. */
function mayBeDamage(error: unknown): boolean {
  return isDamage(error) || isTargetIo(error)
}

function isTargetIo(error: unknown): boolean {
  return typeof error === 'object' && error !== null && 'code' in error && error.code === 'E_TARGET_IO'
}

/** A manifest or its copy, not a note about a point. */
function isOfPoint(key: ObjectKey): boolean {
  return key.startsWith(objectPrefixes.points) || key.startsWith(objectPrefixes.pointCopies)
}

/** Notes about points (verifications, condemnations) can be done without: a damaged one only stands in the way. */
async function removeDamagedNotes({ repository, say, options }: Repair): Promise<void> {
  const { store, envelope } = repository
  const { damaged } = await repository.points.list(options)
  for (const { key, error } of damaged) {
    if (isOfPoint(key) || !isDamage(error)) continue
    await store.remove(key, options)
    say(`${key} was damaged and removed: it only noted a verification`)
  }
  for (const { key } of await store.list(objectPrefixes.condemned, options)) {
    try {
      await listCondemned(onlyObject(store, key), envelope, options)
    } catch (error) {
      options.signal.throwIfAborted()
      if (!isDamage(error) && !(error instanceof SyntaxError)) throw error
      await store.remove(key, options)
      say(`${key} was damaged and removed: the next prune writes it anew`)
    }
  }
}

/** Lists again, from their own footers, the packs that damaged or lost index objects listed. */
async function rebuildIndex({ repository, reading, say, options }: Repair): Promise<void> {
  const { store, envelope } = repository
  const quick = { signal: options.signal, readData: false }
  const { damagedIndexes, unlistedPacks, index } = await examineRepository(repository, reading, quick)
  if (damagedIndexes.length === 0 && unlistedPacks.length === 0) return
  const listed = new Set(index.packs().map((pack) => pack.id))
  const contents: PackContents[] = []
  for (const info of await store.list(objectPrefixes.packs, options)) {
    const id = keyName(info.key)
    if (listed.has(id)) continue
    try {
      contents.push(await readPackContents(store, envelope, id, info.sizeBytes, options))
    } catch (error) {
      options.signal.throwIfAborted()
      if (!mayBeDamage(error)) throw error
      say(`${info.key} is listed nowhere and has no readable footer: left alone`)
    }
  }
  for (const run of indexRunsOf(contents)) await storeIndexRun(store, envelope, run, options)
  if (contents.length > 0) say(`the index of ${contents.length} packs was rebuilt from their footers`)
  for (const key of damagedIndexes) {
    await store.remove(key, options)
    say(`${key} was damaged and removed`)
  }
}

/** Stores what is still good of broken packs anew, takes what is lost from the other repository, drops the packs. */
async function replaceLost(repair: Repair, found: Examination): Promise<void> {
  const { repository, from, reading, writing, say, options } = repair
  await using lane = await openLane(
    'repair',
    repository,
    options.transforms,
    writing,
    options.signal,
    found.brokenPacks,
  )
  await saveBrokenPacks(repository, found, lane, reading, writing, options)
  await lane.settle(options)
  if (from !== undefined && found.brokenPoints.length > 0) {
    const donor = await openDonor(from, reading, options)
    for (const entry of found.brokenPoints) await completePoint(repair, entry, donor, lane, writing)
  }
  await lane.settle(options)
  const replaceable = [...found.brokenPacks].filter((id) => {
    if (isDamage(found.packErrors.get(id)) || isWhollyStored(found, id, lane)) return true
    say(`${packKey(id)} cannot be read now and is kept: it may be readable another time`)
    return false
  })
  await dropPacksFromIndex(repository.store, repository.envelope, new Set(replaceable), options)
  for (const id of replaceable) {
    await repository.store.remove(packKey(id), options)
    say(`${packKey(id)} was replaced and removed`)
  }
}

function isWhollyStored(found: Examination, pack: string, lane: Lane): boolean {
  let whole = true
  found.index.forEach((id, location) => {
    if (location.packInfo.id === pack && lane.index.find(id) === undefined) whole = false
  })
  return whole
}

interface Donor {
  readonly repository: Repository
  readonly entries: readonly PointEntry[]
  readonly reader: StoredDiskReader
}

async function openDonor(from: Repository, reading: WorkerPool, options: RepairOptions): Promise<Donor> {
  const { entries } = await from.points.list(options)
  return { repository: from, entries, reader: await storedDiskReader(from, reading, options) }
}

/** Makes the trees of a point whole; its manifest stays as it is unless a tree had to be cut anew. */
async function completePoint(
  repair: Repair,
  entry: PointEntry,
  donor: Donor,
  lane: Lane,
  writing: WorkerPool,
): Promise<void> {
  const { repository, say, options } = repair
  const { point } = entry
  const good = donor.entries.find((other) => isSameCapture(other.point, point))
  if (good === undefined) return
  const disks: StoredDisk[] = []
  try {
    for (const disk of point.disks) {
      const theirs = good.point.disks.find((other) => other.id === disk.id)
      if (theirs === undefined) return
      const root = fromHex(disk.root)
      const mended = await mendDisk(
        disk.sizeBytes,
        root,
        { disk: theirs, reader: donor.reader },
        lane,
        writing,
        options,
      )
      if (mended.contradicts) {
        say(
          `${point.id} of ${point.machine.name} was left alone: the other repository has other bytes under the same name`,
        )
        return
      }
      disks.push(sameBytes(mended.root, root) ? disk : { ...disk, root: toHex(mended.root) })
    }
  } catch (error) {
    options.signal.throwIfAborted()
    if (!isDamage(error)) throw error
    say(
      `${point.id} of ${point.machine.name} is damaged in the other repository too: ${error instanceof Error ? error.message : String(error)}`,
    )
    return
  }
  await lane.settle(options)
  const isUnchanged = disks.every((disk, i) => disk === point.disks[i])
  if (!isUnchanged)
    await replacePoint(repository, entry.key, { ...point, disks, copiedFrom: copiedFrom(donor, good.point) }, options)
  say(`${point.id} of ${point.machine.name} was completed from the other repository`)
}

function isSameCapture(a: RecoveryPoint, b: RecoveryPoint): boolean {
  return (
    sameCapture(a, b) &&
    a.takenAt === b.takenAt &&
    a.disks.length === b.disks.length &&
    a.disks.every((disk) => b.disks.some((other) => other.id === disk.id && other.sizeBytes === disk.sizeBytes))
  )
}

function copiedFrom(donor: Donor, point: RecoveryPoint): NonNullable<RecoveryPoint['copiedFrom']> {
  return { repository: donor.repository.description.id, point: point.id }
}

/** Writes points anew whose manifest itself is damaged. */
async function restoreDamagedPoints({ repository, from, reading, writing, say, options }: Repair): Promise<void> {
  const { damaged } = await repository.points.list(options)
  const broken = damaged.filter(({ key, error }) => key.startsWith(objectPrefixes.points) && isDamage(error))
  if (broken.length === 0 || from === undefined) return
  await using lane = await openLane('repair', repository, options.transforms, writing, options.signal)
  const donor = await openDonor(from, reading, options)
  for (const { key } of broken) {
    const good = donor.entries.find(
      ({ point }) => pointKey(machineTag(point.machine.id, repository.identity.idKey), point.id) === key,
    )
    if (good === undefined) continue
    try {
      const disks: StoredDisk[] = []
      for (const disk of good.point.disks) {
        const { root } = await mendDisk(
          disk.sizeBytes,
          undefined,
          { disk, reader: donor.reader },
          lane,
          writing,
          options,
        )
        disks.push({ ...disk, root: toHex(root) })
      }
      await lane.settle(options)
      await replacePoint(repository, key, { ...good.point, disks, copiedFrom: copiedFrom(donor, good.point) }, options)
      say(`the manifest of ${good.point.id} was written anew from the other repository`)
    } catch (error) {
      options.signal.throwIfAborted()
      if (!isDamage(error)) throw error
      say(
        `${good.point.id} is damaged in the other repository too: ${error instanceof Error ? error.message : String(error)}`,
      )
    }
  }
}
