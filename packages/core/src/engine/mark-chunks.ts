import type { CallOptions } from '../contract/context.js'
import { fromHex, toHex } from '../repository/bytes.js'
import type { ChunkIndex } from '../repository/chunk-index.js'
import { damaged } from '../repository/damage.js'
import { isZeroId } from '../repository/disk-tree-format.js'
import { type ReadChunk, walkNodes } from '../repository/disk-tree-reader.js'
import type { RecoveryPoint } from '../repository/recovery-point.js'

/** Which chunks of an index some point needs: one bit a chunk. */
export interface ChunkMarks {
  /** Marks all that a point needs. Subtrees marked before are not read again. @throws BackupError `E_DAMAGED` when a chunk is not listed */
  readonly addPoint: (point: RecoveryPoint, options: CallOptions) => Promise<void>
  readonly has: (id: Uint8Array) => boolean
}

/** Starts with nothing marked. The index must not grow while marks are in use. */
export function chunkMarks(index: ChunkIndex, readNode: ReadChunk): ChunkMarks {
  const bits = new Uint8Array(Math.ceil(index.ordinals() / 8))
  /** Marks and tells whether it was new. */
  const mark = (id: Uint8Array, point: RecoveryPoint): boolean => {
    const ordinal = index.ordinalOf(id)
    if (ordinal < 0)
      throw damaged({ object: `chunk ${toHex(id)}`, machine: point.machine.name, point: point.id }, 'no index lists it')
    const bit = 1 << (ordinal & 7)
    const byte = bits[ordinal >>> 3] ?? 0
    bits[ordinal >>> 3] = byte | bit
    return (byte & bit) === 0
  }
  return {
    has: (id) => {
      const ordinal = index.ordinalOf(id)
      return ordinal >= 0 && ((bits[ordinal >>> 3] ?? 0) & (1 << (ordinal & 7))) !== 0
    },
    addPoint: async (point, options) => {
      for (const disk of point.disks) {
        const tree = { sizeBytes: disk.sizeBytes, root: fromHex(disk.root) }
        await walkNodes(
          tree,
          readNode,
          async (node) => {
            const isNew = mark(node.id, point)
            if (isNew) for (const chunk of await node.chunks()) if (!isZeroId(chunk.id)) mark(chunk.id, point)
            return isNew
          },
          options,
        )
      }
    },
  }
}
