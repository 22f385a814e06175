import { toHex } from '../repository/bytes.js'
import type { ChunkIndex, IndexedPack } from '../repository/chunk-index.js'
import type { PlacedChunk } from '../repository/disk-tree-reader.js'

/** A frame to fetch, and where on a disk each chunk of it goes. */
export interface FrameFetch {
  readonly pack: IndexedPack
  readonly frameOffset: number
  readonly frameBytes: number
  /** Where in the plain frame the first wanted chunk was found. */
  readonly pageAt: number
  /** Places by the chunk's offset in the plain frame. */
  readonly chunks: Map<number, { readonly id: string; readonly length: number; readonly diskOffsets: number[] }>
}

/**
 * Groups chunks by the frame that holds them, in storage order: each frame is fetched and decoded once a window,
 * however often its chunks occur.
 */
export function planFrames(
  chunks: readonly PlacedChunk[],
  index: ChunkIndex,
  missing: (chunk: PlacedChunk) => Error,
): readonly FrameFetch[] {
  const frames = new Map<string, FrameFetch>()
  for (const chunk of chunks) {
    const location = index.find(chunk.id)
    if (location === undefined || location.plainBytes !== chunk.length) throw missing(chunk)
    const name = `${location.packInfo.id}/${location.frameOffset}`
    let frame = frames.get(name)
    if (frame === undefined) {
      frame = {
        pack: location.packInfo,
        frameOffset: location.frameOffset,
        frameBytes: location.frameBytes,
        pageAt: location.plainOffset,
        chunks: new Map(),
      }
      frames.set(name, frame)
    }
    const known = frame.chunks.get(location.plainOffset)
    if (known === undefined)
      frame.chunks.set(location.plainOffset, { id: toHex(chunk.id), length: chunk.length, diskOffsets: [chunk.offset] })
    else known.diskOffsets.push(chunk.offset)
  }
  const packOrder = new Map<string, number>()
  for (const frame of frames.values()) if (!packOrder.has(frame.pack.id)) packOrder.set(frame.pack.id, packOrder.size)
  return [...frames.values()].sort(
    (a, b) => (packOrder.get(a.pack.id) ?? 0) - (packOrder.get(b.pack.id) ?? 0) || a.frameOffset - b.frameOffset,
  )
}
