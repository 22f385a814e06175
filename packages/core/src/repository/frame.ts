import { Buffer } from 'node:buffer'
import { asBuffer } from './bytes.js'
import { regionBytes } from './chunk-cutter.js'
import { chunkIdBytes } from './chunk-id.js'

/**
 * A frame is what transforms see: new chunks of one region, with a table of their lengths and ids in front.
 *
 * The table travels inside the encryption, so a decoded frame proves which chunks it holds. Spec: "Frames".
 */
const tableHeadBytes = 4
const tableEntryBytes = 4 + chunkIdBytes

/** A frame never holds more plain bytes than one region. */
export const maxFrameChunks = 2048

/** Room that any plain frame fits in: a region, its table, and slack. */
export const maxPlainFrameBytes = regionBytes + tableHeadBytes + maxFrameChunks * tableEntryBytes

/** One chunk of a frame, by its place in the plain frame. */
export interface FrameChunk {
  readonly id: Uint8Array
  readonly offset: number
  readonly length: number
}

/** Bytes that the table of `count` chunks takes. */
export function frameTableBytes(count: number): number {
  return tableHeadBytes + count * tableEntryBytes
}

/** Writes the table of a frame at the start of `frame` and returns its length. */
export function writeFrameTable(
  frame: Uint8Array,
  chunks: readonly { readonly id: Uint8Array; readonly length: number }[],
): number {
  if (chunks.length > maxFrameChunks)
    throw new RangeError(`a frame holds at most ${maxFrameChunks} chunks, not ${chunks.length}`)
  const view = new DataView(frame.buffer, frame.byteOffset, frame.byteLength)
  view.setUint32(0, chunks.length, true)
  let at = tableHeadBytes
  for (const chunk of chunks) {
    view.setUint32(at, chunk.length, true)
    frame.set(chunk.id, at + 4)
    at += tableEntryBytes
  }
  return at
}

/** Reads the table of a plain frame; `undefined` when it contradicts the frame's length. */
export function readFrameTable(frame: Uint8Array): readonly FrameChunk[] | undefined {
  if (frame.byteLength < tableHeadBytes) return undefined
  const view = new DataView(frame.buffer, frame.byteOffset, frame.byteLength)
  const count = view.getUint32(0, true)
  if (count === 0 || count > maxFrameChunks || frameTableBytes(count) > frame.byteLength) return undefined
  const chunks: FrameChunk[] = []
  let offset = frameTableBytes(count)
  for (let i = 0; i < count; i++) {
    const at = tableHeadBytes + i * tableEntryBytes
    const length = view.getUint32(at, true)
    chunks.push({ id: Buffer.from(asBuffer(frame).subarray(at + 4, at + tableEntryBytes)), offset, length })
    offset += length
  }
  return offset === frame.byteLength ? chunks : undefined
}
