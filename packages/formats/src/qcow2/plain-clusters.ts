import type { Fields } from '../bytes/fields.js'
import { type ClusterWriter, readBacking, type TableSpan, tableSpans, type WriterParts } from './cluster-writer.js'
import { ownEntry, setEntry, storedEntry, zeroEntry } from './new-entry.js'

/** A range of the disk, where it lies in the file, and what must be done before it may be written. */
interface Piece {
  readonly at: number
  readonly from: number
  readonly to: number
  readonly after: Promise<void> | undefined
}

/** Part of a cluster that an operation covers. */
interface Part {
  readonly index: number
  readonly cluster: number
  readonly from: number
  readonly to: number
  /** The operation leaves nothing of the cluster that lies within the disk. */
  readonly isWhole: boolean
}

/** Makes the writer of clusters that are stored as they are; it takes writes in any order. */
export function plainClusters({ store, options, sizes, clusters, tables }: WriterParts): ClusterWriter {
  const { sizeBytes, backing } = options
  const { clusterBytes } = sizes
  /**
   * Clusters of which a part was written and the rest is being copied from the backing disk, by place on the disk. One
   * that failed stays: it would read as zeros where the backing disk should show, so nothing may be built on it.
   */
  const filling = new Map<number, Promise<void>>()

  function* parts({ first, from, to }: TableSpan): Generator<Part, void, undefined> {
    for (let at = from; at < to; ) {
      const index = Math.floor((at - first) / clusterBytes)
      const cluster = first + index * clusterBytes
      const end = Math.min(to, cluster + clusterBytes)
      const isWhole = at === cluster && end === Math.min(sizeBytes, cluster + clusterBytes)
      yield { index, cluster, from: at, to: end, isWhole }
      at = end
    }
  }

  /** Whether the rest of a cluster that is nowhere yet would show the backing disk. */
  const showsBacking = (cluster: number) => backing !== undefined && cluster < backing.disk.sizeBytes

  /** Writes a whole cluster of which only `bytes` at `from` are given. */
  const fill = async (at: number, cluster: number, from: number, bytes: Uint8Array) => {
    const whole = new Uint8Array(clusterBytes)
    if (backing !== undefined) await readBacking(backing, cluster, whole)
    whole.set(bytes, from - cluster)
    await store.write(at, whole)
  }

  /** Finds or takes a place for each cluster of a span; neighbours become one piece. Runs without interruption. */
  const place = (table: Fields, span: TableSpan, bytesOf: (from: number, to: number) => Uint8Array) => {
    const pieces: Piece[] = []
    const fills: Promise<void>[] = []
    for (const { index, cluster, from, to, isWhole } of parts(span)) {
      const { at: known, isZero } = ownEntry(table, index)
      const at = known === 0 ? clusters.take(1) : known
      // What was zeroed is zero in the file too, so the flag may simply go.
      if (known === 0 || isZero) setEntry(table, index, storedEntry(at))
      if (known === 0 && !isWhole && !isZero && showsBacking(cluster)) {
        const filled = fill(at, cluster, from, bytesOf(from, to))
        filling.set(cluster, filled)
        filled.then(
          () => filling.delete(cluster),
          () => {},
        )
        fills.push(filled)
      } else join(pieces, { at: at + from - cluster, from, to, after: filling.get(cluster) })
    }
    return { pieces, fills }
  }

  const write: ClusterWriter['write'] = async (offset, bytes) => {
    const bytesOf = (from: number, to: number) => bytes.subarray(from - offset, to - offset)
    for (const span of tableSpans(offset, bytes.byteLength, sizes)) {
      const { pieces, fills } = await tables.change(span.index, (table) => place(table, span, bytesOf))
      const writePiece = async ({ at, from, to, after }: Piece) => {
        await after
        await store.write(at, bytesOf(from, to))
      }
      await settle([...fills, ...pieces.map(writePiece)])
    }
  }

  /** Marks whole clusters as zero and tells which stretches must be zeroed, and which parts have to be written as zeros. */
  const placeZeros = (table: Fields, span: TableSpan) => {
    const pieces: Piece[] = []
    const rest: Part[] = []
    for (const part of parts(span)) {
      const { index, cluster, from, to, isWhole } = part
      const { at, isZero } = ownEntry(table, index)
      if (isZero) continue
      if (at !== 0) {
        if (isWhole) setEntry(table, index, storedEntry(at) | zeroEntry)
        join(pieces, { at: at + from - cluster, from, to, after: filling.get(cluster) })
      } else if (isWhole && backing !== undefined) setEntry(table, index, zeroEntry)
      else if (showsBacking(cluster)) rest.push(part)
    }
    return { pieces, rest }
  }

  const zero: ClusterWriter['zero'] = async (offset, length) => {
    for (const span of tableSpans(offset, length, sizes)) {
      if (backing === undefined && !tables.has(span.index)) continue
      const { pieces, rest } = await tables.change(span.index, (table) => placeZeros(table, span))
      const zeroPiece = async ({ at, from, to, after }: Piece) => {
        await after
        await store.zero(at, to - from)
      }
      await settle([...pieces.map(zeroPiece), ...rest.map(({ from, to }) => write(from, new Uint8Array(to - from)))])
    }
  }

  return { order: 'any', write, zero, flush: async () => {}, finish: () => settle([...filling.values()]) }
}

/** Adds a piece, to the last one where it goes on with it on the disk and in the file. */
function join(pieces: Piece[], piece: Piece): void {
  const last = pieces.at(-1)
  const goesOn = last?.to === piece.from && last.at + last.to - last.from === piece.at && last.after === piece.after
  if (last !== undefined && goesOn) pieces[pieces.length - 1] = { ...last, to: piece.to }
  else pieces.push(piece)
}

/** Waits for all, also where one fails: the memory they write from is the caller's. */
async function settle(underWay: readonly Promise<void>[]): Promise<void> {
  await Promise.allSettled(underWay)
  await Promise.all(underWay)
}
