import type { CallOptions } from '../contract/context.js'
import { isBackupError } from '../contract/errors.js'
import type { ObjectKey } from '../model/ids.js'
import { type ChunkIndex, createChunkIndex } from '../repository/chunk-index.js'
import { chunkReader } from '../repository/chunk-reader.js'
import { listCondemned } from '../repository/condemned.js'
import { damaged } from '../repository/damage.js'
import { loadIndex } from '../repository/index-store.js'
import { objectPrefixes, packKey } from '../repository/layout.js'
import type { DamagedPoint } from '../repository/manifest-store.js'
import { onlyObject } from '../repository/only-object.js'
import { indexRunsOf, type PackContents, readPackContents } from '../repository/pack-reader.js'
import type { PointEntry } from '../repository/point-store.js'
import type { Repository } from '../repository/repository.js'
import { checkTwins } from '../repository/twins.js'
import type { Verification } from '../repository/verification.js'
import { withReaderLease } from '../repository/writer-lease.js'
import type { OnEvent } from './events.js'
import { examinePacks } from './examine-packs.js'
import { examinePoint } from './examine-trees.js'
import { noteVerification } from './note-verification.js'
import type { WorkerPool } from './worker-pool.js'

/** How deep to look. */
export interface VerifyOptions extends CallOptions {
  readonly onEvent?: OnEvent
  /** Read, decode and hash every chunk; otherwise only sizes, indexes and trees are checked. */
  readonly readData: boolean
  /** With `readData`: share of the packs to read, chosen at random, in percent. @defaultValue 100 */
  readonly samplePercent?: number
}

/** Everything that is wrong with a repository. */
export interface VerifyReport {
  readonly ok: boolean
  readonly points: readonly VerifiedPoint[]
  readonly checkedPacks: number
  readonly checkedBytes: number
  readonly damage: readonly Damage[]
}

/** A point and whether it can be restored. */
export interface VerifiedPoint {
  readonly point: string
  readonly machine: string
  readonly takenAt: string
  readonly ok: boolean
}

/** One damaged object and what it takes with it. */
export interface Damage {
  readonly object: string
  readonly message: string
  readonly machines: readonly string[]
  readonly points: readonly string[]
}

/** What {@link examineRepository} found: the report, and what repair needs to mend it. */
export interface Examination {
  readonly report: VerifyReport
  readonly index: ChunkIndex
  readonly entries: readonly PointEntry[]
  /** Points that cannot be restored whole. */
  readonly brokenPoints: readonly PointEntry[]
  /** Listed packs that are missing or not wholly readable. */
  readonly brokenPacks: ReadonlySet<string>
  /** Frames of broken packs that are lost, as `<pack>/<offset>`. */
  readonly lostFrames: ReadonlySet<string>
  /** The first error of each broken pack. */
  readonly packErrors: ReadonlyMap<string, unknown>
  readonly damagedIndexes: readonly ObjectKey[]
  /** Packs that no index object lists although points need them. */
  readonly unlistedPacks: readonly string[]
}

/** Checks a repository, goes on past damage, lists all of it, and notes with each whole point that it was verified. */
export async function verifyRepository(
  repository: Repository,
  pool: WorkerPool,
  options: VerifyOptions,
): Promise<VerifyReport> {
  const { store, clock, envelope } = repository
  const examine = () => examineRepository(repository, pool, options)
  const { report, entries, brokenPoints } = await withReaderLease(store, clock, envelope.randomBytes, examine, options)
  if (options.readData && (options.samplePercent ?? 100) >= 100) {
    const at = repository.clock.now().toISOString()
    for (const entry of entries) {
      if (brokenPoints.includes(entry)) continue
      const isRecent = ({ level, at: before }: Verification) =>
        level === 'data' && Math.abs(Date.parse(at) - Date.parse(before)) < 3_600_000
      if (entry.verifications.some(isRecent)) continue
      const evidence = 'every chunk was read, decoded and hashed'
      await noteVerification(repository, entry, { level: 'data', at, evidence }, options)
    }
  }
  return report
}

/** Looks at every object and says what is damaged and whom it hurts. Changes nothing. */
export async function examineRepository(
  repository: Repository,
  pool: WorkerPool,
  options: VerifyOptions,
): Promise<Examination> {
  const { store } = repository
  const onEvent = options.onEvent ?? (() => {})
  const found = new Map<string, { message: string; readonly machines: Set<string>; readonly points: Set<string> }>()
  const note = (error: unknown, fallback: string, entry?: PointEntry): void => {
    options.signal.throwIfAborted()
    const object = isBackupError(error) ? String(error.context['object'] ?? fallback) : fallback
    const known = found.get(object) ?? {
      message: error instanceof Error ? error.message : String(error),
      machines: new Set(),
      points: new Set(),
    }
    if (entry !== undefined) {
      known.machines.add(entry.point.machine.name)
      known.points.add(entry.point.id)
    }
    found.set(object, known)
  }

  await checkTwins(repository, note, options)
  const { index, stored, entries, damagedObjects, damagedIndexes } = await takeStock(repository, options)
  const damagedCopies = await repository.points.checkCopies(entries, options)
  for (const { key, error } of [...damagedIndexes, ...damagedObjects, ...damagedCopies]) note(error, key)

  await checkCondemned(repository, note, options)

  // Packs that no index lists may be what a crash left, or what a lost index listed: only points can tell.
  const listed = new Set(index.packs().map((pack) => pack.id))
  const unlisted = await readableFooters(
    repository,
    [...stored].filter(([id]) => !listed.has(id)),
    options,
  )
  const packs = await examinePacks(repository, { index, stored, unlisted }, pool, options, note)
  const shadow = createChunkIndex()
  for (const run of indexRunsOf(unlisted)) shadow.addRun(run)
  const find = (id: Uint8Array) => index.find(id) ?? shadow.find(id)
  const { identity, transforms, keys } = repository
  const readNode = chunkReader(store, { find }, identity, transforms, keys?.keyring)
  const needed = new Set<string>()
  const goodNodes = new Set<string>()
  const brokenPoints: PointEntry[] = []
  for (const entry of entries) {
    let whole = true
    const onUnlisted = (pack: string) => {
      if (listed.has(pack)) return
      needed.add(pack)
      note(damaged(`index of ${packKey(pack)}`, 'no index object lists that pack any more'), packKey(pack), entry)
    }
    const fail = (error: unknown) => {
      whole = false
      note(error, entry.key, entry)
    }
    await examinePoint(entry, { find, readNode, packs, onUnlisted, goodNodes }, fail, options)
    if (!whole) brokenPoints.push(entry)
  }
  const damage = [...found].map(([object, { message, machines, points }]) => ({
    object,
    message,
    machines: [...machines].sort(),
    points: [...points].sort(),
  }))
  for (const { object, machines, message } of damage) onEvent({ type: 'damage-found', object, machines, message })
  const points = entries.map((entry) => ({
    point: entry.point.id,
    machine: entry.point.machine.name,
    takenAt: entry.point.takenAt,
    ok: !brokenPoints.includes(entry),
  }))
  return {
    report: {
      ok: damage.length === 0,
      points,
      checkedPacks: packs.checkedPacks,
      checkedBytes: packs.checkedBytes,
      damage,
    },
    index,
    entries,
    brokenPoints,
    brokenPacks: new Set([...packs.brokenPacks].filter((id) => listed.has(id))),
    lostFrames: packs.lostFrames,
    packErrors: packs.packErrors,
    damagedIndexes: damagedIndexes.map(({ key }) => key),
    unlistedPacks: [...needed],
  }
}

interface Stock {
  readonly index: ChunkIndex
  readonly damagedIndexes: readonly { readonly key: ObjectKey; readonly error: unknown }[]
  readonly entries: readonly PointEntry[]
  readonly damagedObjects: readonly DamagedPoint[]
  /** Sizes of the packs that are there, by id. */
  readonly stored: ReadonlyMap<string, number>
}

/**
 * Lists points, then the index, then packs: whatever live writers commit meanwhile, all that a listed point refers to is found.
 *
 * Only a prune takes away; a pack that is listed and missing is looked for once more.
 */
async function takeStock(repository: Repository, options: CallOptions): Promise<Stock> {
  const { store, envelope } = repository
  for (let look = 1; ; look++) {
    const { entries, damaged: damagedObjects } = await repository.points.list(options)
    const index = createChunkIndex()
    const damagedIndexes: Stock['damagedIndexes'][number][] = []
    await loadIndex(store, envelope, index, (key, error) => damagedIndexes.push({ key, error }), options)
    const packs = await store.list(objectPrefixes.packs, options)
    const stored = new Map(packs.map((info) => [info.key.slice(info.key.lastIndexOf('/') + 1), info.sizeBytes]))
    const isWhole = index.packs().every((pack) => stored.has(pack.id))
    if (isWhole || look > 1) return { index, damagedIndexes, entries, damagedObjects, stored }
  }
}

/** Reads the marks that prune left: one that is damaged keeps every run and prune from starting. */
async function checkCondemned(
  repository: Repository,
  note: (error: unknown, fallback: string) => void,
  options: CallOptions,
): Promise<void> {
  for (const { key } of await repository.store.list(objectPrefixes.condemned, options)) {
    try {
      await listCondemned(onlyObject(repository.store, key), repository.envelope, options)
    } catch (error) {
      note(error, key)
    }
  }
}

async function readableFooters(
  repository: Repository,
  packs: readonly (readonly [string, number])[],
  options: CallOptions,
): Promise<readonly PackContents[]> {
  const contents: PackContents[] = []
  for (const [id, sizeBytes] of packs) {
    try {
      contents.push(await readPackContents(repository.store, repository.envelope, id, sizeBytes, options))
    } catch (error) {
      // Garbage of a crash may be anything; what points need and is not found is reported there.
      options.signal.throwIfAborted()
      if (!isBackupError(error)) throw error
    }
  }
  return contents
}
