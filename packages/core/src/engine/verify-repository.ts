import type { CallOptions } from '../contract/context.js'
import { isBackupError } from '../contract/errors.js'
import type { ObjectKey } from '../model/ids.js'
import { fromHex, sameBytes, toHex } from '../repository/bytes.js'
import { type ChunkIndex, createChunkIndex } from '../repository/chunk-index.js'
import { chunkReader } from '../repository/chunk-reader.js'
import { damaged } from '../repository/damage.js'
import { isZeroId } from '../repository/disk-tree-format.js'
import { type ReadChunk, walkNodes } from '../repository/disk-tree-reader.js'
import { loadIndex } from '../repository/index-store.js'
import { objectPrefixes, packKey } from '../repository/layout.js'
import { framesOf, indexRunOf, readPackContents } from '../repository/pack-reader.js'
import type { DamagedPoint, PointEntry } from '../repository/point-store.js'
import type { StoredDisk } from '../repository/recovery-point.js'
import type { Repository } from '../repository/repository.js'
import { checkTwins } from '../repository/twins.js'
import type { OnEvent } from './events.js'
import { frameFetcher } from './fetch-frame.js'
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
  /** Packs that are missing or not wholly readable. */
  readonly brokenPacks: ReadonlySet<string>
  /** Frames of broken packs that are lost, as `<pack>/<offset>`. */
  readonly lostFrames: ReadonlySet<string>
  readonly damagedIndexes: readonly ObjectKey[]
  /** Packs that no index object lists although points need them. */
  readonly unlistedPacks: readonly string[]
  readonly damagedNotes: readonly ObjectKey[]
}

/** Checks a repository, goes on past damage, lists all of it, and notes with each whole point that it was verified. */
export async function verifyRepository(
  repository: Repository,
  pool: WorkerPool,
  options: VerifyOptions,
): Promise<VerifyReport> {
  const { report, entries, brokenPoints } = await examineRepository(repository, pool, options)
  if (options.readData && (options.samplePercent ?? 100) >= 100) {
    const at = repository.clock.now().toISOString()
    for (const entry of entries) {
      if (brokenPoints.includes(entry)) continue
      const newest = entry.verifications.at(-1)
      if (newest !== undefined && Date.parse(at) - Date.parse(newest.at) < 3_600_000) continue
      await noteVerification(repository, entry, at, options)
    }
  }
  return report
}

/** A target that takes no writes can still be verified; the evidence is then only in the report. */
async function noteVerification(
  repository: Repository,
  entry: PointEntry,
  at: string,
  options: VerifyOptions,
): Promise<void> {
  try {
    await repository.points.addVerification(
      entry,
      { at, level: 'data', evidence: 'every chunk was read, decoded and hashed' },
      options,
    )
  } catch (error) {
    if (!isBackupError(error) || !['E_TARGET_READ_ONLY', 'E_TARGET_DENIED', 'E_TARGET_FULL'].includes(error.code))
      throw error
    options.onEvent?.({
      type: 'step',
      message: `The verification of ${entry.point.id} could not be noted: ${error.message}`,
    })
  }
}

/** Looks at every object and says what is damaged and whom it hurts. Changes nothing. */
export async function examineRepository(
  repository: Repository,
  pool: WorkerPool,
  options: VerifyOptions,
): Promise<Examination> {
  const { store, envelope } = repository
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
  for (const { key, error } of [...damagedIndexes, ...damagedObjects]) note(error, key)

  const listed = new Set(index.packs().map((pack) => pack.id))
  const unlisted = [...stored.keys()].filter((id) => !listed.has(id))
  const packs = await examinePacks(repository, index, stored, pool, options, note)

  // Packs that no index lists may be what a crash left, or what a lost index listed: only points can tell.
  const footers = await readableFooters(repository, unlisted, stored, options)
  const shadow = createChunkIndex()
  shadow.addRun(indexRunOf(footers))
  const needed = new Set<string>()
  const brokenPoints: PointEntry[] = []
  const readNode = chunkReader(store, index, repository.identity, repository.transforms, repository.keys?.keyring)
  const goodNodes = new Set<string>()
  for (const entry of entries) {
    let whole = true
    const fail = (error: unknown) => {
      whole = false
      note(error, entry.key, entry)
    }
    for (const disk of entry.point.disks) {
      await examineDisk(
        disk,
        entry,
        index,
        readNode,
        goodNodes,
        packs,
        (id, error) => {
          const unlistedPack = id === undefined ? undefined : shadow.find(id)?.packInfo.id
          if (unlistedPack === undefined) fail(error)
          else {
            needed.add(unlistedPack)
            fail(damaged(`index of ${packKey(unlistedPack)}`, 'no index object lists that pack any more'))
          }
        },
        options,
      )
    }
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
    brokenPacks: packs.brokenPacks,
    lostFrames: packs.lostFrames,
    damagedIndexes: damagedIndexes.map(({ key }) => key),
    unlistedPacks: [...needed],
    damagedNotes: damagedObjects.map(({ key }) => key).filter((key) => !key.startsWith(objectPrefixes.points)),
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

interface PackExamination {
  readonly brokenPacks: Set<string>
  readonly lostFrames: Set<string>
  readonly packErrors: Map<string, unknown>
  checkedPacks: number
  checkedBytes: number
}

/** Checks packs in storage order: sizes always, contents with `readData`. */
async function examinePacks(
  repository: Repository,
  index: ChunkIndex,
  stored: ReadonlyMap<string, number>,
  pool: WorkerPool,
  options: VerifyOptions,
  note: (error: unknown, fallback: string) => void,
): Promise<PackExamination> {
  const result: PackExamination = {
    brokenPacks: new Set(),
    lostFrames: new Set(),
    packErrors: new Map(),
    checkedPacks: 0,
    checkedBytes: 0,
  }
  const fail = (id: string, error: unknown) => {
    result.brokenPacks.add(id)
    if (!result.packErrors.has(id)) result.packErrors.set(id, error)
    note(error, packKey(id))
  }
  const readable: { readonly id: string; readonly sizeBytes: number }[] = []
  for (const pack of index.packs()) {
    const sizeBytes = stored.get(pack.id)
    if (sizeBytes === undefined) fail(pack.id, damaged(packKey(pack.id), 'it is missing'))
    else if (sizeBytes !== pack.sizeBytes)
      fail(pack.id, damaged(packKey(pack.id), `it has ${sizeBytes} bytes instead of ${pack.sizeBytes}`))
    if (sizeBytes !== undefined) readable.push({ id: pack.id, sizeBytes })
  }
  if (!options.readData) return result
  const share = (options.samplePercent ?? 100) / 100
  const chosen = share >= 1 ? readable : readable.filter(() => Math.random() < share)
  const totalBytes = chosen.reduce((sum, pack) => sum + pack.sizeBytes, 0)
  const fetcher = frameFetcher(repository, pool)
  let shownAt = 0
  const examineFrames = async (id: string, sizeBytes: number): Promise<void> => {
    const contents = await readPackContents(repository.store, repository.envelope, id, sizeBytes, options)
    for (const frame of framesOf(contents)) {
      try {
        await fetcher.withFrame(
          { pack: contents.pack, ...frame },
          true,
          async ({ chunks }) => {
            const same =
              chunks.length === frame.chunks.length &&
              chunks.every((chunk, i) => {
                const claimed = frame.chunks[i]
                return (
                  claimed !== undefined &&
                  chunk.offset === claimed.plainOffset &&
                  chunk.length === claimed.plainBytes &&
                  sameBytes(chunk.id, claimed.id)
                )
              })
            if (!same) throw damaged(packKey(id), 'a frame holds other chunks than the footer lists')
          },
          options,
        )
      } catch (error) {
        options.signal.throwIfAborted()
        result.lostFrames.add(`${id}/${frame.frameOffset}`)
        fail(id, error)
      }
    }
  }
  let next = 0
  const worker = async (): Promise<void> => {
    for (let pack = chosen[next++]; pack !== undefined; pack = chosen[next++]) {
      const { id, sizeBytes } = pack
      try {
        await examineFrames(id, sizeBytes)
      } catch (error) {
        options.signal.throwIfAborted()
        // Without a footer it is unknown which frames are good: all of the pack counts as lost.
        result.lostFrames.add(`${id}/*`)
        fail(id, error)
      }
      result.checkedPacks++
      result.checkedBytes += sizeBytes
      if (Date.now() - shownAt > 200) {
        shownAt = Date.now()
        options.onEvent?.({ type: 'verify-progress', checkedBytes: result.checkedBytes, totalBytes })
      }
    }
  }
  await Promise.all(Array.from({ length: 6 }, worker))
  return result
}

async function readableFooters(
  repository: Repository,
  packs: readonly string[],
  stored: ReadonlyMap<string, number>,
  options: CallOptions,
) {
  const contents: Awaited<ReturnType<typeof readPackContents>>[] = []
  for (const id of packs) {
    try {
      contents.push(await readPackContents(repository.store, repository.envelope, id, stored.get(id) ?? 0, options))
    } catch (error) {
      // Garbage of a crash may be anything; what points need and is not found is reported there.
      options.signal.throwIfAborted()
      if (!isBackupError(error)) throw error
    }
  }
  return contents
}

/** Walks a disk's tree; subtrees proved whole for another point are not walked again. */
async function examineDisk(
  disk: StoredDisk,
  entry: PointEntry,
  index: ChunkIndex,
  readNode: ReadChunk,
  goodNodes: Set<string>,
  packs: PackExamination,
  fail: (id: Uint8Array | undefined, error: unknown) => void,
  options: CallOptions,
): Promise<void> {
  const site = { machine: entry.point.machine.name, point: entry.point.id, disk: disk.id }
  const check = (id: Uint8Array): boolean => {
    const location = index.find(id)
    if (location === undefined) {
      fail(id, damaged({ object: `chunk ${toHex(id)}`, ...site }, 'no index lists it'))
      return false
    }
    const pack = location.packInfo.id
    if (!packs.brokenPacks.has(pack)) return true
    const known = packs.lostFrames.size > 0 && !packs.lostFrames.has(`${pack}/*`)
    if (known && !packs.lostFrames.has(`${pack}/${location.frameOffset}`) && isPartlyRead(packs, pack)) return true
    fail(id, packs.packErrors.get(pack))
    return false
  }
  try {
    await walkNodes(
      { sizeBytes: disk.sizeBytes, root: fromHex(disk.root) },
      readNode,
      async (node) => {
        const name = toHex(node.id)
        if (goodNodes.has(name)) return false
        if (!check(node.id)) return false
        if (node.level > 0) return true
        let whole = true
        for (const chunk of await node.chunks()) if (!isZeroId(chunk.id) && !check(chunk.id)) whole = false
        if (whole) goodNodes.add(name)
        return true
      },
      options,
    )
  } catch (error) {
    options.signal.throwIfAborted()
    fail(undefined, error)
  }
}

/** A pack of which single frames are known to be lost; the rest of it was read and is good. */
function isPartlyRead(packs: PackExamination, pack: string): boolean {
  for (const frame of packs.lostFrames) if (frame.startsWith(`${pack}/`)) return true
  return false
}
