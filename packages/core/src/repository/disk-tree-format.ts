import { Buffer } from 'node:buffer'
import { regionBytes } from './chunk-cutter.js'
import { chunkIdBytes } from './chunk-id.js'
import { damaged } from './damage.js'

/** Part of a disk that one leaf lists: 8 regions. */
export const leafSpanBytes = 8 * regionBytes

/** Children of an inner node. */
export const treeFanOut = 256

/** The id that stands for "all zeros" wherever a chunk or node id may stand. */
export const zeroId: Buffer = Buffer.alloc(chunkIdBytes)

/** One chunk of a disk, in order of address. A zero id means that the range reads as zeros. */
export interface DiskChunk {
  readonly id: Uint8Array
  readonly length: number
}

const entryBytes = 4 + chunkIdBytes
const leafType = 1
const innerType = 2

/** Tells whether an id stands for zeros. */
export function isZeroId(id: Uint8Array): boolean {
  return zeroId.equals(id)
}

/** Levels of inner nodes above the leaves of a disk of that size. */
export function treeLevels(sizeBytes: number): number {
  let levels = 0
  for (let nodes = Math.ceil(sizeBytes / leafSpanBytes); nodes > 1; nodes = Math.ceil(nodes / treeFanOut)) levels++
  return levels
}

/** Writes a leaf: the chunks of one span, neighbouring zeros joined. Spec: "Disk trees". */
export function encodeLeaf(chunks: readonly DiskChunk[]): Buffer {
  const joined = joinZeros(chunks)
  const bytes = Buffer.alloc(4 + joined.length * entryBytes)
  bytes[0] = leafType
  joined.forEach((chunk, i) => {
    bytes.writeUInt32LE(chunk.length, 4 + i * entryBytes)
    bytes.set(chunk.id, 8 + i * entryBytes)
  })
  return bytes
}

/** Reads a leaf and checks that it covers exactly `spanBytes`. */
export function decodeLeaf(bytes: Uint8Array, spanBytes: number): readonly DiskChunk[] {
  const buffer = Buffer.from(bytes)
  const count = (buffer.length - 4) / entryBytes
  if (buffer[0] !== leafType || !Number.isInteger(count)) throw damaged('a disk tree', 'a leaf is malformed')
  const chunks: DiskChunk[] = []
  let total = 0
  for (let at = 4; at < buffer.length; at += entryBytes) {
    const length = buffer.readUInt32LE(at)
    chunks.push({ length, id: buffer.subarray(at + 4, at + entryBytes) })
    total += length
  }
  if (total !== spanBytes) throw damaged('a disk tree', `a leaf covers ${total} bytes instead of ${spanBytes}`)
  return chunks
}

/** Writes an inner node of level 1 (above leaves) or higher. */
export function encodeInner(level: number, children: readonly Uint8Array[]): Buffer {
  const bytes = Buffer.alloc(4 + children.length * chunkIdBytes)
  bytes[0] = innerType
  bytes[1] = level
  children.forEach((child, i) => {
    bytes.set(child, 4 + i * chunkIdBytes)
  })
  return bytes
}

/** Reads an inner node and checks its level and number of children. */
export function decodeInner(bytes: Uint8Array, level: number, childCount: number): Buffer[] {
  const buffer = Buffer.from(bytes)
  if (buffer[0] !== innerType || buffer[1] !== level || buffer.length !== 4 + childCount * chunkIdBytes) {
    throw damaged('a disk tree', `an inner node is not of level ${level} with ${childCount} children`)
  }
  return Array.from({ length: childCount }, (_, i) => buffer.subarray(4 + i * chunkIdBytes, 4 + (i + 1) * chunkIdBytes))
}

/** Number of nodes on a level (0 = leaves) of a disk's tree. */
function nodesOnLevel(sizeBytes: number, level: number): number {
  return Math.ceil(sizeBytes / (leafSpanBytes * treeFanOut ** level))
}

/** Number of children of node `index` on `level` (at least 1). */
export function childrenOf(sizeBytes: number, level: number, index: number): number {
  return Math.min(treeFanOut, nodesOnLevel(sizeBytes, level - 1) - index * treeFanOut)
}

/** Bytes that leaf `index` covers. */
export function leafSpan(sizeBytes: number, index: number): number {
  return Math.min(leafSpanBytes, sizeBytes - index * leafSpanBytes)
}

function joinZeros(chunks: readonly DiskChunk[]): readonly DiskChunk[] {
  const joined: DiskChunk[] = []
  for (const chunk of chunks) {
    const last = joined[joined.length - 1]
    if (last !== undefined && isZeroId(last.id) && isZeroId(chunk.id)) {
      joined[joined.length - 1] = { id: last.id, length: last.length + chunk.length }
    } else joined.push(chunk)
  }
  return joined
}
