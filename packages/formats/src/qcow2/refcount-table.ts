import type { NamedSource } from '../bytes/byte-source.js'
import { readPart } from '../bytes/read-part.js'
import type { ImageProblem } from '../image/layer.js'
import { type ClusterCounts, countLimit } from './cluster-counts.js'
import { pagedTable } from './cluster-tables.js'
import type { Qcow2Header } from './header.js'

/** Bytes of an entry of the refcount table. */
export const refcountTableEntryBytes = 8

/** Bits of it that are no part of an offset (spec: Refcount table entry). */
const reservedLow = 0x0000_01ff

/** Reads the refcounts that an image states, and counts the blocks in which they are. */
export function refcountTable(file: NamedSource, { refcountTable: table, refcountBits, geometry }: Qcow2Header) {
  const { clusterBytes } = geometry
  const entries = table.length / refcountTableEntryBytes
  const pages = pagedTable(file, { offset: table.offset, entries, what: 'the refcount table' })
  const countsPerBlock = (clusterBytes * 8) / refcountBits

  /** Where a block is; `undefined` where there is none, or a complaint. */
  const blockAt = async (index: number): Promise<number | string | undefined> => {
    if (index >= entries) return undefined
    const { fields: page, first } = await pages.partOf(index)
    const place = (index - first) * refcountTableEntryBytes
    const [high, low] = [page.u32(place), page.u32(place + 4)]
    if ((low & reservedLow) !== 0) return 'has reserved bits set'
    const at = high * 2 ** 32 + low
    if (at === 0) return undefined
    if (at % clusterBytes !== 0) return `leads to ${at}, where no cluster begins`
    return at > file.source.sizeBytes - clusterBytes ? `leads to ${at}, past the end of the file` : at
  }

  return {
    /** Counts the table and its blocks as used; must come before any other count. */
    use: async function* (counts: ClusterCounts): AsyncGenerator<ImageProblem, void, undefined> {
      for (let index = 0; index < entries; index++) {
        const at = await blockAt(index)
        const offset = table.offset + index * refcountTableEntryBytes
        if (typeof at === 'string')
          // Every stretch of the file comes across it: the first one tells.
          yield* counts.first === 0
            ? [{ severity: 'corrupt' as const, message: `Entry ${index} of the refcount table ${at}.`, offset }]
            : []
        if (typeof at !== 'number') continue
        const block = counts.indexOf(at)
        if (block !== undefined && counts.used[block] !== 0)
          yield { severity: 'corrupt', message: `Two entries of the refcount table lead to ${at}.`, offset }
        counts.use(at, clusterBytes, 1)
      }
      counts.use(table.offset, table.length, 1)
    },
    /** Fills in what is stated. */
    load: async (counts: ClusterCounts): Promise<void> => {
      const end = counts.first + counts.length
      for (let cluster = counts.first; cluster < end; ) {
        const index = Math.floor(cluster / countsPerBlock)
        const next = Math.min(end, (index + 1) * countsPerBlock)
        const at = await blockAt(index)
        if (typeof at === 'number') {
          const from = cluster - index * countsPerBlock
          const byte = Math.floor((from * refcountBits) / 8)
          const length = Math.ceil(((next - cluster) * refcountBits) / 8)
          const block = await readPart(file, at + byte, length, 'a refcount block')
          const count = refcountReader(block, refcountBits)
          for (let i = 0; i < next - cluster; i++) counts.stated[cluster - counts.first + i] = count(i)
        }
        cluster = next
      }
    },
  }
}

/** Reads counts of 1 to 64 bits; those of less than a byte begin with its lowest bits (spec: Refcount block entry). */
function refcountReader(block: Uint8Array, bits: number): (index: number) => number {
  const view = new DataView(block.buffer, block.byteOffset, block.byteLength)
  switch (bits) {
    case 8:
      return (index) => view.getUint8(index)
    case 16:
      return (index) => view.getUint16(index * 2)
    case 32:
      return (index) => Math.min(countLimit, view.getUint32(index * 4))
    case 64:
      return (index) => Math.min(countLimit, Number(view.getBigUint64(index * 8)))
    default: {
      const perByte = 8 / bits
      const mask = 2 ** bits - 1
      return (index) => (view.getUint8(Math.floor(index / perByte)) >> ((index % perByte) * bits)) & mask
    }
  }
}
