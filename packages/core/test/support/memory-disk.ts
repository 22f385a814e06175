import type { ReadableDisk } from '../../src/engine/readable-disk.js'
import type { DiskId } from '../../src/model/ids.js'

/** A disk in memory that notes what is read of it; every read takes a moment. */
export function memoryDisk(bytes: Uint8Array, name = 'sda') {
  const reads: (readonly [offset: number, length: number])[] = []
  const disk: ReadableDisk = {
    id: name as DiskId,
    sizeBytes: bytes.length,
    read: async (offset, into) => {
      reads.push([offset, into.length])
      await new Promise((resolve) => setImmediate(resolve))
      into.set(bytes.subarray(offset, offset + into.length))
    },
    extents: async function* (offset, length) {
      yield { offset, length, kind: 'data' }
    },
  }
  return { disk, reads }
}
