import type { CallOptions } from '../contract/context.js'
import { BackupError } from '../contract/errors.js'
import type { ChunkIndex } from '../repository/chunk-index.js'
import { chunkReader } from '../repository/chunk-reader.js'
import { objectPrefixes, packKey } from '../repository/layout.js'
import { objectInMemory } from '../repository/object-in-memory.js'
import type { ObjectStore } from '../repository/object-store.js'
import type { Repository } from '../repository/repository.js'
import { collectPlaces, countPlaces, type PackNeed, packGroups } from './chunk-places.js'
import { namingDisk } from './disk-damage.js'
import type { DiskFill } from './disk-fill.js'
import type { OnEvent } from './events.js'
import { frameFetcher } from './fetch-frame.js'
import { type PackStretch, packStretches } from './pack-stretches.js'
import { type ReadBuffers, readAhead, readBuffers } from './read-ahead.js'
import { inReadingOrder } from './reading-order.js'
import { restoreProgress } from './restore-progress.js'
import { betterIndex } from './whole-index.js'
import type { WorkerPool } from './worker-pool.js'
import { type FrameToWrite, type OnWritten, writeFrames } from './write-frames.js'

/** How to fill disks in the order of a target. */
export interface FillInOrderOptions extends CallOptions {
  readonly onEvent?: OnEvent
  /** Places of chunks planned at once, but for a pack that has more. @defaultValue 2 Mi, or a quarter of the chunks */
  readonly placesAtOnce?: number
}

/** At 16 bytes a place this is little beside the index, and the trees of any repository are walked five times at most. */
const usualPlacesAtOnce = 2 ** 21
const shareOfChunks = 4

/**
 * Fills all disks in one pass over the packs, in the order in which the target reads them best.
 *
 * Trees are read first. Then each pack is read once, in one request, from the first to the last frame that any of the disks
 * needs, one ahead of those that are decoded and written. Tells how many bytes were written to each disk.
 */
export async function fillInOrder(
  repository: Repository,
  index: ChunkIndex,
  fills: readonly DiskFill[],
  pool: WorkerPool,
  options: FillInOrderOptions,
): Promise<readonly number[]> {
  try {
    return await fillOnce(repository, index, fills, pool, options)
  } catch (error) {
    const better = await betterIndex(repository, index, error, options)
    if (better === undefined) throw error
    return await fillOnce(repository, better, fills, pool, options)
  }
}

async function fillOnce(
  repository: Repository,
  index: ChunkIndex,
  fills: readonly DiskFill[],
  pool: WorkerPool,
  options: FillInOrderOptions,
): Promise<readonly number[]> {
  const { store, identity, transforms, keys } = repository
  const readNode = chunkReader(store, index, identity, transforms, keys?.keyring)
  const search = { fills, index, readNode }
  const { packs, diskBytes } = await countPlaces(search, options)
  await checkPacksAreThere(store, packs, fills, options)
  const ordered = await inReadingOrder(store, packs, ({ pack }) => packKey(pack.id), options)

  const progress = fills.map(({ point, stored }) => restoreProgress(point, stored, options.onEvent))
  const finishIfWhole = (disk: number) => {
    if (progress[disk]?.writtenBytes() === diskBytes[disk]) progress[disk]?.finish()
  }
  const onWritten: OnWritten = (disk, bytes) => {
    const sizeBytes = fills[disk]?.stored.sizeBytes ?? 0
    const share = ((progress[disk]?.writtenBytes() ?? 0) + bytes) / (diskBytes[disk] ?? 1)
    // Packs come from anywhere on the disk: how far it is, is how much of it is done.
    progress[disk]?.wrote(bytes, Math.floor(sizeBytes * share))
    finishIfWhole(disk)
  }
  for (const disk of fills.keys()) finishIfWhole(disk)

  const placesAtOnce = options.placesAtOnce ?? Math.max(usualPlacesAtOnce, index.chunkCount() / shareOfChunks)
  const buffers = readBuffers()
  const targets = fills.map(({ target }) => target)
  for (const group of packGroups(ordered, placesAtOnce)) {
    const places = await collectPlaces(search, group, options)
    const frames = (call: CallOptions) =>
      framesInOrder(repository, packStretches(places, index), fills, buffers, pool, call)
    await writeFrames(frames, targets, pool, onWritten, options)
  }
  return progress.map(({ writtenBytes }) => writtenBytes())
}

/** Looks before the first pack is read: to find out hours later would cost a second pass. */
async function checkPacksAreThere(
  store: ObjectStore,
  packs: readonly PackNeed[],
  fills: readonly DiskFill[],
  options: CallOptions,
): Promise<void> {
  const stored = new Set((await store.list(objectPrefixes.packs, options)).map((info) => info.key))
  for (const { pack, disk } of packs) {
    const key = packKey(pack.id)
    if (!stored.has(key)) {
      await namingFill(fills, disk, async () => {
        throw new BackupError('E_OBJECT_NOT_FOUND', `${key} is not there.`, { operation: 'restore', context: { key } })
      })
    }
  }
}

async function* framesInOrder(
  repository: Repository,
  stretches: Iterable<PackStretch>,
  fills: readonly DiskFill[],
  buffers: ReadBuffers,
  pool: WorkerPool,
  options: CallOptions,
): AsyncGenerator<FrameToWrite> {
  const { store } = repository
  for await (const held of readAhead(store, stretches, buffers, options)) {
    const { key, offset, need, frames } = held.stretch
    const bytes = await namingFill(fills, need.disk, async () => held.bytes())
    let unread = frames.length
    // What was copied to the workers' memory is not needed here any more: the next but one can be read.
    const onRead = () => {
      unread--
      if (unread === 0) held.release()
    }
    const fetcher = frameFetcher({ ...repository, store: objectInMemory(store, { key, offset, bytes }, onRead) }, pool)
    for (const frame of frames) {
      yield {
        pack: need.pack.id,
        places: frame.places,
        withFrame: (use, call) => namingFill(fills, frame.disk, () => fetcher.withFrame(frame, false, use, call)),
      }
    }
  }
}

function namingFill<T>(fills: readonly DiskFill[], disk: number, action: () => Promise<T>): Promise<T> {
  const fill = fills[disk]
  return fill === undefined ? action() : namingDisk(fill.point, fill.stored, 'restored', action)
}
