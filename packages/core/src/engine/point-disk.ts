import type { CallOptions } from '../contract/context.js'
import type { Extent } from '../model/extent.js'
import { copyBytes, fromHex } from '../repository/bytes.js'
import type { ReadChunk } from '../repository/disk-tree-reader.js'
import type { RecoveryPoint, StoredDisk } from '../repository/recovery-point.js'
import type { ChunkSupply, NamedChunk } from './chunk-supply.js'
import { namingDisk } from './disk-damage.js'
import { diskLeaves, type LaidChunk } from './disk-leaves.js'
import type { LivingIndex } from './living-index.js'
import { readStreams } from './read-streams.js'
import { checkRange, joinedExtents, type ReadableDisk } from './readable-disk.js'

/** What the disks of a point share. */
export interface PointReading {
  readonly index: LivingIndex
  readonly supply: ChunkSupply
  readonly readNode: ReadChunk
  readonly readAheadBytes: number
}

/** A disk of a point with its end. */
export interface PointDisk extends ReadableDisk {
  readonly close: (reason: unknown) => Promise<void>
}

/** Makes a disk of a point readable. */
export function pointDisk(
  point: RecoveryPoint,
  disk: StoredDisk,
  { index, supply, readNode, readAheadBytes }: PointReading,
): PointDisk {
  const { id, sizeBytes } = disk
  const leaves = diskLeaves({ sizeBytes, root: fromHex(disk.root) }, readNode, index)
  const streams = readStreams(sizeBytes, readAheadBytes)
  const closing = new AbortController()

  const chunksIn = async (offset: number, end: number, options: CallOptions): Promise<readonly LaidChunk[]> => {
    const found: (readonly LaidChunk[])[] = []
    for (let at = offset; at < end; ) {
      const more = await leaves.chunksAt(at, end, options)
      found.push(more)
      at = endOf(more, at)
    }
    return found.flat()
  }

  const read: ReadableDisk['read'] = async (offset, into, options) => {
    checkRange(disk, offset, into.byteLength)
    if (into.byteLength === 0) return
    const end = offset + into.byteLength
    const stored: (NamedChunk & { readonly offset: number })[] = []
    for (const chunk of await chunksIn(offset, end, options)) {
      const from = Math.max(chunk.offset, offset)
      const to = Math.min(chunk.offset + chunk.length, end)
      if (chunk.name === undefined) into.fill(0, from - offset, to - offset)
      else stored.push(chunk)
    }
    fetchAhead(offset, into.byteLength)
    await supply.show(stored, (chunk, bytes) => copyPart(chunk.offset, bytes, offset, into), options)
  }

  const fetchAhead = (offset: number, length: number) => {
    const range = readAheadBytes > 0 ? streams.note(offset, length) : undefined
    if (range === undefined || closing.signal.aborted) return
    const prepare = async () => {
      const chunks = await chunksIn(range.offset, range.end, closing)
      const stored = chunks.filter((chunk) => chunk.name !== undefined)
      const done = supply.prepare(stored)
      range.reached(stored[done]?.offset ?? range.end)
    }
    // Whoever reads that far is told what went wrong.
    prepare().catch(() => undefined)
  }

  async function* kinds(offset: number, length: number, options: CallOptions): AsyncGenerator<Extent> {
    const end = offset + length
    for (let at = offset; at < end; ) {
      const chunks = await namingDisk(point, disk, 'read', () => leaves.chunksAt(at, end, options))
      for (const chunk of chunks) {
        const from = Math.max(chunk.offset, offset)
        const to = Math.min(chunk.offset + chunk.length, end)
        yield { offset: from, length: to - from, kind: chunk.name === undefined ? 'zero' : 'data' }
      }
      at = endOf(chunks, at)
    }
  }

  return {
    id,
    sizeBytes,
    read: (offset, into, options) => namingDisk(point, disk, 'read', () => read(offset, into, options)),
    extents: (offset, length, options) => {
      checkRange(disk, offset, length)
      return joinedExtents(kinds(offset, length, options))
    },
    close: async (reason) => {
      closing.abort(reason)
      await leaves.close(reason)
    },
  }
}

/** Where the last of some chunks ends; beyond `at` in any case, as a leaf covers its whole span. */
function endOf(chunks: readonly LaidChunk[], at: number): number {
  const last = chunks.at(-1)
  return last === undefined ? Number.POSITIVE_INFINITY : Math.max(at + 1, last.offset + last.length)
}

function copyPart(chunkOffset: number, bytes: Uint8Array, offset: number, into: Uint8Array): void {
  const from = Math.max(chunkOffset, offset)
  const to = Math.min(chunkOffset + bytes.byteLength, offset + into.byteLength)
  copyBytes(bytes.subarray(from - chunkOffset, to - chunkOffset), into, from - offset)
}
