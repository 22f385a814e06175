import type { CallOptions } from '../contract/context.js'
import { chunkIdBytes } from '../repository/chunk-id.js'
import type { IndexedPack } from '../repository/chunk-index.js'
import { damaged } from '../repository/damage.js'
import { packKey } from '../repository/layout.js'
import { holdsListed, type ListedFrame } from '../repository/pack-reader.js'
import type { FrameFetcher } from './fetch-frame.js'
import type { Lane } from './lane.js'
import { slabHeadroomBytes } from './slabs.js'
import type { WorkerPool } from './worker-pool.js'

/**
 * Stores the wanted chunks of a pack again, in new packs, and reports the frames that could not be read.
 *
 * `fetcher` and `writing` use two pools: a frame is held in one ring while it passes into the other. What cannot be
 * stored throws: the old pack is then all there is.
 */
export async function rewriteChunks(
  pack: IndexedPack,
  frames: readonly ListedFrame[],
  wanted: (id: Uint8Array) => boolean,
  fetcher: FrameFetcher,
  lane: Lane,
  writing: WorkerPool,
  onLost: (frame: ListedFrame, error: unknown) => void,
  options: CallOptions,
): Promise<void> {
  for (const frame of frames) {
    const kept = frame.chunks.filter((chunk) => wanted(chunk.id))
    if (kept.length === 0) continue
    const slab = await writing.slabs.inputs.acquire(options)
    try {
      const data = writing.slabs.whole(slab).subarray(slabHeadroomBytes)
      const ids = new Uint8Array(kept.length * chunkIdBytes)
      const read = fetcher.withFrame(
        { pack, ...frame },
        true,
        async ({ chunks, plain }) => {
          if (!holdsListed(chunks, frame)) throw damaged(packKey(pack.id), 'a frame holds other chunks than are listed')
          let at = 0
          kept.forEach((chunk, i) => {
            data.set(plain.subarray(chunk.plainOffset, chunk.plainOffset + chunk.plainBytes), at)
            ids.set(chunk.id, i * chunkIdBytes)
            at += chunk.plainBytes
          })
        },
        options,
      )
      const failure = await read.then(
        () => undefined,
        (error: unknown) => ({ error }),
      )
      if (failure !== undefined) {
        options.signal.throwIfAborted()
        onLost(frame, failure.error)
        continue
      }
      const lengths = kept.map((chunk) => chunk.plainBytes)
      if (pack.kind === 'data') await lane.storeChunks({ slab, lengths: Uint32Array.from(lengths), ids, shared: false })
      else await storeNodes(lane, data, lengths, options)
    } finally {
      writing.slabs.inputs.release(slab)
    }
  }
}

async function storeNodes(
  lane: Lane,
  data: Uint8Array,
  lengths: readonly number[],
  options: CallOptions,
): Promise<void> {
  let at = 0
  for (const length of lengths) {
    await lane.trees.writeNode(data.slice(at, at + length), options)
    at += length
  }
}
