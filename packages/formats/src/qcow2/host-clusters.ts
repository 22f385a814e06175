import type { ByteStore } from '../bytes/byte-source.js'
import { type Fields, fields } from '../bytes/fields.js'
import { refcountTableEntryBytes } from './refcount-table.js'

/** Hands out clusters of a new file from its start to its end, and writes their refcounts. */
export interface HostClusters {
  /** Takes `count` clusters that follow one another, each with a refcount of 1; returns where they begin. */
  readonly take: (count: number) => number
  /**
   * Adds a reference to the cluster at `offset`, which was taken before.
   *
   * Called: one after another, with offsets that never descend.
   */
  readonly share: (offset: number) => Promise<void>
  /** Writes all refcounts that are not written yet, and the table of them. Nothing may be taken after it. */
  readonly finish: () => Promise<{ readonly offset: number; readonly clusters: number }>
}

/** Refcounts have 16 bits, as QEMU writes them. */
const refcountBytes = 2

/**
 * Makes the allocator of a new image.
 *
 * Every cluster that was taken has the refcount 1, so nothing has to be remembered, but for clusters that compressed data
 * shares. Their block is kept while it grows and written, to a cluster of its own, once sharing has gone past it. All
 * other blocks are written at the end.
 */
export function hostClusters(store: ByteStore, clusterBytes: number): HostClusters {
  const countsPerBlock = clusterBytes / refcountBytes
  const ones = onesBlock(clusterBytes)
  /** Places of the blocks that are written, by number. */
  const written = new Map<number, number>()
  let end = 0
  let shared: { readonly block: number; readonly bytes: Uint8Array } | undefined

  const take = (count: number) => {
    const offset = end * clusterBytes
    end += count
    return offset
  }

  return {
    take,
    share: async (offset) => {
      const cluster = offset / clusterBytes
      const block = Math.floor(cluster / countsPerBlock)
      if (shared !== undefined && shared.block !== block) {
        const place = take(1)
        written.set(shared.block, place)
        await store.write(place, shared.bytes)
        shared = undefined
      }
      shared ??= { block, bytes: ones.slice() }
      const counts = fields(shared.bytes, 'big', '')
      const at = (cluster - block * countsPerBlock) * refcountBytes
      counts.set16(at, counts.u16(at) + 1)
    },
    finish: async () => {
      const { blockCount, tableClusters } = lastClusters(end, written.size, clusterBytes)
      const missing: number[] = []
      for (let block = 0; block < blockCount; block++) if (!written.has(block)) missing.push(block)
      const firstBlock = take(missing.length)
      const table = take(tableClusters)
      await writeCells(store, firstBlock, clusterBytes, missing.length, ({ bytes }, at, index) => {
        const block = missing[index] ?? 0
        const used = end - block * countsPerBlock
        bytes.set(shared?.block === block ? shared.bytes : ones, at)
        if (used < countsPerBlock) bytes.fill(0, at + used * refcountBytes, at + clusterBytes)
      })
      let next = firstBlock
      const entries = (tableClusters * clusterBytes) / refcountTableEntryBytes
      await writeCells(store, table, refcountTableEntryBytes, entries, (piece, at, block) => {
        if (block >= blockCount) return
        const place = written.get(block)
        piece.set64(at, place ?? next)
        if (place === undefined) next += clusterBytes
      })
      return { offset: table, clusters: tableClusters }
    },
  }
}

/** Finds how many blocks there are in the end and how many clusters their table takes: both have refcounts as well. */
function lastClusters(
  taken: number,
  writtenBlocks: number,
  clusterBytes: number,
): { readonly blockCount: number; readonly tableClusters: number } {
  for (let total = taken; ; ) {
    const blockCount = Math.ceil((total * refcountBytes) / clusterBytes)
    const tableClusters = Math.ceil((blockCount * refcountTableEntryBytes) / clusterBytes)
    const needed = taken + blockCount - writtenBlocks + tableClusters
    if (needed === total) return { blockCount, tableClusters }
    total = needed
  }
}

function onesBlock(clusterBytes: number): Uint8Array {
  const block = new Uint8Array(clusterBytes)
  for (let at = refcountBytes - 1; at < clusterBytes; at += refcountBytes) block[at] = 1
  return block
}

/** Written at once. */
const pieceBytes = 2 ** 20

/** Writes cells one after another, many at once; `fill` sets cell `index` at byte `at` of a piece of zeros. */
async function writeCells(
  store: ByteStore,
  offset: number,
  cellBytes: number,
  count: number,
  fill: (piece: Fields, at: number, index: number) => void,
): Promise<void> {
  const perPiece = Math.max(1, Math.floor(pieceBytes / cellBytes))
  for (let first = 0; first < count; first += perPiece) {
    const cells = Math.min(perPiece, count - first)
    const piece = fields(new Uint8Array(cells * cellBytes), 'big', '')
    for (let cell = 0; cell < cells; cell++) fill(piece, cell * cellBytes, first + cell)
    await store.write(offset + first * cellBytes, piece.bytes)
  }
}
