import type { CallOptions } from '../contract/context.js'
import { chunkIdBytes } from '../repository/chunk-id.js'
import { framesOf, type PackContents } from '../repository/pack-reader.js'
import type { FrameFetcher } from './fetch-frame.js'
import type { Lane } from './lane.js'
import { slabHeadroomBytes } from './slabs.js'
import type { WorkerPool } from './worker-pool.js'

/**
 * Stores the wanted chunks of a pack again, in new packs, and returns the ids of those that could not be read.
 *
 * `reading` and `writing` are two pools: a frame is held in one ring while it passes into the other.
 */
export async function rewriteChunks(
  contents: PackContents,
  wanted: (id: Uint8Array) => boolean,
  fetcher: FrameFetcher,
  lane: Lane,
  writing: WorkerPool,
  onLost: (error: unknown) => void,
  options: CallOptions,
): Promise<void> {
  for (const frame of framesOf(contents)) {
    if (!frame.chunks.some((chunk) => wanted(chunk.id))) continue
    const slab = await writing.slabs.inputs.acquire(options)
    try {
      const lengths = frame.chunks
        .map((chunk) => (wanted(chunk.id) ? chunk.plainBytes : 0))
        .filter((length) => length > 0)
      const ids = new Uint8Array(lengths.length * chunkIdBytes)
      await fetcher.withFrame(
        { pack: contents.pack, ...frame },
        true,
        async ({ plain }) => {
          const data = writing.slabs.whole(slab).subarray(slabHeadroomBytes)
          let at = 0
          let next = 0
          for (const chunk of frame.chunks) {
            if (!wanted(chunk.id)) continue
            data.set(plain.subarray(chunk.plainOffset, chunk.plainOffset + chunk.plainBytes), at)
            ids.set(chunk.id, next++ * chunkIdBytes)
            at += chunk.plainBytes
          }
        },
        options,
      )
      const cut = { lengths: Uint32Array.from(lengths), ids: [ids] }
      if (contents.pack.kind === 'data') await lane.storeChunks(slab, cut, 0, options)
      else await storeNodes(lane, writing.slabs.whole(slab).subarray(slabHeadroomBytes), lengths, options)
    } catch (error) {
      options.signal.throwIfAborted()
      onLost(error)
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
