import type { CallOptions } from '../contract/context.js'
import { fromHex, toHex } from '../repository/bytes.js'
import type { ChunkIndex } from '../repository/chunk-index.js'
import { chunkReader } from '../repository/chunk-reader.js'
import { damaged } from '../repository/damage.js'
import { diskChunks, type PlacedChunk } from '../repository/disk-tree-reader.js'
import type { Repository } from '../repository/repository.js'
import type { PlacedFrameChunk } from './contiguous-runs.js'
import { namingDisk } from './disk-damage.js'
import type { DiskFill } from './disk-fill.js'
import type { OnEvent } from './events.js'
import { frameFetcher } from './fetch-frame.js'
import { type FrameFetch, planFrames } from './frame-plan.js'
import { restoreProgress } from './restore-progress.js'
import { betterIndex } from './whole-index.js'
import type { WorkerPool } from './worker-pool.js'
import { writeFrames } from './write-frames.js'

/**
 * Chunks planned at once: bounds memory, and how far apart equal frames may be to be fetched once. One window is planned
 * while another is written.
 */
const windowChunks = 8192

/** Fills disks one after the other, each along its addresses. Tells how many bytes were written to each. */
export async function fillDisks(
  repository: Repository,
  loaded: ChunkIndex,
  fills: readonly DiskFill[],
  pool: WorkerPool,
  options: CallOptions & { readonly onEvent?: OnEvent },
): Promise<readonly number[]> {
  let index = loaded
  let triedAgain = false
  const written: number[] = []
  for (const fill of fills) {
    const restore = () =>
      namingDisk(fill.point, fill.stored, 'restored', () => fillDisk(repository, index, fill, pool, options))
    written.push(
      await restore().catch(async (error: unknown) => {
        if (triedAgain) throw error
        triedAgain = true
        const better = await betterIndex(repository, index, error, options)
        if (better === undefined) throw error
        index = better
        return restore()
      }),
    )
  }
  return written
}

async function fillDisk(
  repository: Repository,
  index: ChunkIndex,
  { point, stored, target }: DiskFill,
  pool: WorkerPool,
  options: CallOptions & { readonly onEvent?: OnEvent },
): Promise<number> {
  const { store, identity, transforms, keys } = repository
  const fetcher = frameFetcher(repository, pool)
  const readNode = chunkReader(store, index, identity, transforms, keys?.keyring)
  const progress = restoreProgress(point, stored, options.onEvent)
  const chunks = diskChunks({ sizeBytes: stored.sizeBytes, root: fromHex(stored.root) }, readNode, options)
  await writeFrames(
    async function* () {
      for await (const frame of plannedFrames(chunks, index)) {
        yield {
          pack: frame.pack.id,
          places: placesOf(frame),
          withFrame: (use, call) => fetcher.withFrame(frame, false, use, call),
        }
      }
    },
    [target],
    pool,
    (_, bytes, diskOffset) => progress.wrote(bytes, diskOffset),
    options,
  )
  progress.finish()
  return progress.writtenBytes()
}

/** Plans a disk's chunks window by window, always one window ahead of who takes the frames. */
async function* plannedFrames(chunks: AsyncIterator<PlacedChunk>, index: ChunkIndex): AsyncGenerator<FrameFetch> {
  const planWindow = async (): Promise<readonly FrameFetch[]> => {
    const window: PlacedChunk[] = []
    while (window.length < windowChunks) {
      const next = await chunks.next()
      if (next.done === true) break
      window.push(next.value)
    }
    return planFrames(window, index, (chunk) => damaged(`chunk ${toHex(chunk.id)}`, 'no index lists it'))
  }
  let ahead = planWindow()
  try {
    for (;;) {
      const frames = await ahead
      if (frames.length === 0) return
      ahead = planWindow()
      // Its failure is told when its turn comes.
      ahead.catch(() => undefined)
      yield* frames
    }
  } finally {
    // Whoever stops early has his own reason; nothing may still read when the repository is closed.
    await ahead.catch(() => undefined)
  }
}

function* placesOf({ chunks }: FrameFetch): Generator<PlacedFrameChunk> {
  for (const [plainOffset, { id, length, diskOffsets }] of [...chunks].sort(([a], [b]) => a - b))
    for (const diskOffset of diskOffsets) yield { id, plainOffset, length, disk: 0, diskOffset }
}
