import type { CallOptions } from '../contract/context.js'
import type { WritableDisk } from '../contract/source.js'
import { contiguousRuns, type PlacedFrameChunk } from './contiguous-runs.js'
import type { DecodedFrame } from './fetch-frame.js'
import type { WorkerPool } from './worker-pool.js'

/** A frame, and where its chunks go. */
export interface FrameToWrite {
  /** Id of its pack. */
  readonly pack: string
  readonly places: Iterable<PlacedFrameChunk>
  /** Fetches the frame, decodes it, and lets `use` have it. */
  readonly withFrame: (use: (decoded: DecodedFrame) => Promise<void>, options: CallOptions) => Promise<void>
}

/** What was written of a disk. */
export type OnWritten = (disk: number, bytes: number, diskOffset: number) => void

/**
 * Decodes frames side by side and writes their chunks to the disks, each proved to be the one that belongs there.
 *
 * Settles once nothing is fetched or written any more. The signal that `frames` is given ends with the first failure.
 */
export async function writeFrames(
  frames: (options: CallOptions) => AsyncGenerator<FrameToWrite>,
  disks: readonly WritableDisk[],
  pool: WorkerPool,
  onWritten: OnWritten,
  options: CallOptions,
): Promise<void> {
  const failing = new AbortController()
  const inner = { signal: AbortSignal.any([options.signal, failing.signal]) }
  const source = frames(inner)
  const write = async ({ pack, places, withFrame }: FrameToWrite): Promise<void> => {
    await withFrame(async ({ chunks, plain }) => {
      for (const { plainOffset, length, disk, diskOffset } of contiguousRuns(pack, places, chunks)) {
        await disks[disk]?.write(diskOffset, plain.subarray(plainOffset, plainOffset + length), inner)
        onWritten(disk, length, diskOffset)
      }
    }, inner)
  }
  const worker = async (): Promise<void> => {
    for (;;) {
      const next = await source.next()
      if (next.done === true || failing.signal.aborted) return
      await write(next.value)
    }
  }
  const lanes = Array.from({ length: pool.slabs.count }, () => worker().catch((error: unknown) => failing.abort(error)))
  await Promise.all(lanes)
  await source.return(undefined)
  options.signal.throwIfAborted()
  if (failing.signal.aborted) throw failing.signal.reason
}
