import { ascendingUnits } from '../image/ascending-units.js'
import { appender } from './appender.js'
import { childUnits } from './child-units.js'
import type { ClusterWriter, WriterParts } from './cluster-writer.js'
import { compressor } from './compressor.js'
import { packedEntryOf, setEntry, storedEntry } from './new-entry.js'
import type { Qcow2Compression } from './writer-options.js'

/** Makes the writer of compressed clusters; it takes ascending writes only. */
export function packedClusters(parts: WriterParts, compression: Qcow2Compression): ClusterWriter {
  const { store, options, sizes, clusters, tables } = parts
  const { sizeBytes, backing } = options
  const { clusterBytes, clusterBits, l2Entries } = sizes
  const out = appender(store)
  /** The next free byte after compressed data, and how many there are up to the end of its cluster. */
  let room = { at: 0, left: 0 }

  /** Finds a place for compressed data: right after the last, if need be on into the next cluster, or in a new one. */
  const placePacked = async (length: number): Promise<number> => {
    const { at, left } = room
    if (length <= left) {
      room = { at: at + length, left: left - length }
      await clusters.share(at - (at % clusterBytes))
      return at
    }
    const next = clusters.take(1)
    const goesOn = left > 0 && next === at + left
    const start = goesOn ? at : next
    room = { at: start + length, left: next + clusterBytes - start - length }
    if (goesOn) await clusters.share(at - (at % clusterBytes))
    return start
  }

  const units = ascendingUnits({
    sizeBytes,
    unitBytes: clusterBytes,
    encode: compressor(compression, clusterBits),
    append: async (index, { bytes, isPacked }) => {
      const at = isPacked ? await placePacked(bytes.byteLength) : clusters.take(1)
      await out.append(at, bytes)
      const entry = isPacked ? packedEntryOf(at, bytes.byteLength, clusterBits) : storedEntry(at)
      await tables.change(Math.floor(index / l2Entries), (table) => setEntry(table, index % l2Entries, entry))
    },
  })
  const writer = backing === undefined ? units : childUnits(units, parts, backing)

  return {
    order: 'ascending',
    write: writer.write,
    zero: writer.zero,
    flush: async () => {
      await writer.flush()
      await out.flush()
    },
    finish: async () => {
      await writer.finish()
      await out.flush()
    },
  }
}
