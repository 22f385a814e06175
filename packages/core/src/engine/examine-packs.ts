import type { CallOptions } from '../contract/context.js'
import { isBackupError } from '../contract/errors.js'
import type { ChunkIndex, IndexedPack } from '../repository/chunk-index.js'
import { damaged } from '../repository/damage.js'
import { packKey } from '../repository/layout.js'
import { objectInMemory } from '../repository/object-in-memory.js'
import {
  framesOf,
  holdsListed,
  type ListedFrame,
  listedFrames,
  type PackContents,
  readPackContents,
} from '../repository/pack-reader.js'
import type { Repository } from '../repository/repository.js'
import { frameFetcher } from './fetch-frame.js'
import { maxStretchBytes, readAhead, readBuffers } from './read-ahead.js'
import { inReadingOrder } from './reading-order.js'
import type { VerifyOptions } from './verify-repository.js'
import { waitForAll } from './wait-for-all.js'
import type { WorkerPool } from './worker-pool.js'

/** What is known of the packs of a repository. */
export interface PackExamination {
  /** Packs that are missing or not wholly as they should be. */
  readonly brokenPacks: Set<string>
  /** Broken packs of which every frame was tried: what is not among the lost frames is good. */
  readonly knownPacks: Set<string>
  /** Frames that cannot be had, as `<pack>/<offset>`. */
  readonly lostFrames: Set<string>
  /** The first error of each broken pack. */
  readonly packErrors: Map<string, unknown>
  checkedPacks: number
  checkedBytes: number
}

/** Packs as the target and the indexes know them. */
export interface PackInventory {
  readonly index: ChunkIndex
  /** Sizes of the packs that are there, by id. */
  readonly stored: ReadonlyMap<string, number>
  /** Packs that no index lists, by their own footers. */
  readonly unlisted: readonly PackContents[]
}

/**
 * Checks packs: sizes always, contents with `readData`; from a sequential target one after the other, in its order.
 *
 * A pack whose footer cannot be read is read frame by frame as the index lists it. Unlisted packs may be garbage: what is
 * wrong with them is noted only when a point needs them.
 */
export async function examinePacks(
  repository: Repository,
  { index, stored, unlisted }: PackInventory,
  pool: WorkerPool,
  options: VerifyOptions,
  note: (error: unknown, fallback: string) => void,
): Promise<PackExamination> {
  const result: PackExamination = {
    brokenPacks: new Set(),
    knownPacks: new Set(),
    lostFrames: new Set(),
    packErrors: new Map(),
    checkedPacks: 0,
    checkedBytes: 0,
  }
  const quiet = new Set(unlisted.map(({ pack }) => pack.id))
  const fail = (id: string, error: unknown) => {
    options.signal.throwIfAborted()
    // Says nothing about the pack.
    if (isBackupError(error) && error.code === 'E_MEDIA_NEEDED') throw error
    result.brokenPacks.add(id)
    if (!result.packErrors.has(id)) result.packErrors.set(id, error)
    if (!quiet.has(id)) note(error, packKey(id))
  }
  const readable: IndexedPack[] = unlisted.map(({ pack }) => pack)
  for (const pack of index.packs()) {
    const sizeBytes = stored.get(pack.id)
    if (sizeBytes === undefined) fail(pack.id, damaged(packKey(pack.id), 'it is missing'))
    else {
      if (sizeBytes !== pack.sizeBytes)
        fail(pack.id, damaged(packKey(pack.id), `it has ${sizeBytes} bytes instead of ${pack.sizeBytes}`))
      readable.push({ ...pack, sizeBytes })
    }
  }
  if (!options.readData) return result
  const share = (options.samplePercent ?? 100) / 100
  const chosen = share >= 1 ? readable : readable.filter(() => Math.random() < share)
  const totalBytes = chosen.reduce((sum, pack) => sum + pack.sizeBytes, 0)
  const examineFrames = frameExaminer(pool, result, fail, options)
  const withoutFooter = new Map<string, IndexedPack>()
  let shownAt = 0
  /** Examines a pack in the repository that `from` gives, which may fail as reading does. */
  const examine = async (pack: IndexedPack, from: () => Repository) => {
    try {
      const repository = from()
      const { store, envelope } = repository
      const contents = await readPackContents(store, envelope, pack.id, pack.sizeBytes, options)
      await examineFrames(repository, pack, framesOf(contents))
    } catch (error) {
      fail(pack.id, error)
      withoutFooter.set(pack.id, pack)
    }
    result.checkedPacks++
    result.checkedBytes += pack.sizeBytes
    if (Date.now() - shownAt <= 200) return
    shownAt = Date.now()
    options.onEvent?.({ type: 'verify-progress', checkedBytes: result.checkedBytes, totalBytes })
  }
  const { sequential, maxConcurrency } = repository.store.capabilities
  const requests = sequential ? 1 : Math.min(4, maxConcurrency)
  const apart = sequential ? await examineInOrder(repository, chosen, examine, options) : chosen
  await inParallel(requests, apart, (pack) => examine(pack, () => repository))
  // What is wrong with a pack as a whole is found frame by frame.
  const fromIndex = listedFrames(index, new Set(withoutFooter.keys()))
  const again = [...withoutFooter.values()]
  await inParallel(requests, again, (pack) => examineFrames(repository, pack, fromIndex.get(pack.id) ?? []))
  return result
}

/**
 * Examines packs in the order in which the target reads them best, each read whole in one request, the next ahead.
 *
 * Returns those that are larger than is read at once: other programs may write them.
 */
async function examineInOrder(
  repository: Repository,
  packs: readonly IndexedPack[],
  examine: (pack: IndexedPack, from: () => Repository) => Promise<void>,
  options: CallOptions,
): Promise<readonly IndexedPack[]> {
  const { store } = repository
  const isUsual = ({ sizeBytes }: IndexedPack) => sizeBytes > 0 && sizeBytes <= maxStretchBytes
  const usual = packs.filter(isUsual)
  const ordered = await inReadingOrder(store, usual, ({ id }) => packKey(id), options)
  const stretches = ordered.map((pack) => ({ key: packKey(pack.id), offset: 0, length: pack.sizeBytes, pack }))
  const tasks = new Set<Promise<void>>()
  let failure: { readonly error: unknown } | undefined
  try {
    for await (const { stretch, bytes, release } of readAhead(store, stretches, readBuffers(), options)) {
      const { key, offset, pack } = stretch
      const held = () => ({ ...repository, store: objectInMemory(store, { key, offset, bytes: bytes() }) })
      // The memory for what is read bounds how many are examined at a time.
      const task = examine(pack, held)
        .catch((error: unknown) => {
          failure ??= { error }
        })
        .finally(() => {
          tasks.delete(task)
          release()
        })
      tasks.add(task)
      if (failure !== undefined) break
    }
  } finally {
    await Promise.all(tasks)
  }
  if (failure !== undefined) throw failure.error
  return packs.filter((pack) => !isUsual(pack))
}

function frameExaminer(
  pool: WorkerPool,
  result: PackExamination,
  fail: (id: string, error: unknown) => void,
  options: CallOptions,
): (repository: Repository, pack: IndexedPack, frames: readonly ListedFrame[]) => Promise<void> {
  return async (repository, pack, frames) => {
    await frameFetcher(repository, pool).withFrames(
      pack,
      frames,
      async ({ chunks }, number) => {
        const listed = frames[number]
        if (listed === undefined || !holdsListed(chunks, listed))
          throw damaged(packKey(pack.id), 'a frame holds other chunks than the footer lists')
      },
      (error, number) => {
        fail(pack.id, error)
        result.lostFrames.add(`${pack.id}/${frames[number]?.frameOffset}`)
      },
      options,
    )
    result.knownPacks.add(pack.id)
  }
}

async function inParallel<T>(count: number, items: readonly T[], work: (item: T) => Promise<void>): Promise<void> {
  let next = 0
  const worker = async (): Promise<void> => {
    for (let item = items[next++]; item !== undefined; item = items[next++]) await work(item)
  }
  await waitForAll(Array.from({ length: count }, worker))
}
