import type { ByteStore } from '../bytes/byte-source.js'
import { oneAtATime } from '../bytes/one-at-a-time.js'
import type { ImageWriter } from '../image/image-writer.js'
import { grainPlacement, type Piece, type SparseTarget } from './grain-placement.js'
import { sectorBytes } from './sectors.js'
import {
  filledDirectory,
  grainBytes,
  type SparseHeaderFlags,
  type SparseLayout,
  sparseHeader,
  sparseLayout,
} from './sparse-layout.js'
import type { VmdkParent } from './vmdk-writer-options.js'

/** A sparse extent that is to be made. */
export interface NewSparseExtent {
  readonly store: ByteStore
  readonly sizeBytes: number
  /** What the extent embeds; empty for one of several. */
  readonly descriptor: Uint8Array
}

/** The functions of a writer that differ from kind to kind. */
export type KindWriter = Pick<ImageWriter, 'order' | 'unitBytes' | 'write' | 'zero' | 'flush' | 'close'>

/** Begins sparse extents, all of one size but the last; they count as not closed until `close`. */
export async function sparseWriter(
  extents: readonly NewSparseExtent[],
  parent: VmdkParent['image'] | undefined,
): Promise<KindWriter> {
  const sizeBytes = extents.reduce((sum, extent) => sum + extent.sizeBytes, 0)
  const zeroedGrains = parent !== undefined
  const targets: SparseTarget[] = []
  let start = 0
  for (const { store, sizeBytes: extentSize, descriptor } of extents) {
    const layout = sparseLayout(extentSize, descriptor.byteLength / sectorBytes)
    targets.push({ store, start, layout })
    start += extentSize
  }
  for (const [index, { store, layout }] of targets.entries())
    await begin(store, layout, extents[index]?.descriptor, { zeroedGrains, uncleanShutdown: true })

  const placement = grainPlacement(targets, extents[0]?.sizeBytes ?? sizeBytes, parent?.sizeBytes ?? 0)
  const inTurn = oneAtATime()
  const filling = grainFills(parent)
  return {
    order: 'any',
    unitBytes: grainBytes,
    write: async (offset, bytes) => {
      const puts = await inTurn(async () => {
        const pieces = await placement.place(offset, offset + bytes.byteLength)
        return pieces.map((piece) => filling.plan(piece, bytes.subarray(piece.from - offset, piece.to - offset)))
      })
      await settleAll(puts.map((put) => put()))
    },
    zero: async (offset, length) => {
      const puts = await inTurn(async () => {
        const pieces = await placement.zero(offset, offset + length)
        return pieces.map((piece) => filling.plan(piece, undefined))
      })
      await settleAll(puts.map((put) => put()))
    },
    flush: () => inTurn(placement.save),
    close: async () => {
      await inTurn(placement.save)
      for (const [index, { store, layout }] of targets.entries()) {
        // The last grain ends with the file, however little of it was written.
        await store.resize(placement.endSector(index) * sectorBytes)
        await store.write(0, sparseHeader(layout, { zeroedGrains, uncleanShutdown: false }))
      }
    },
  }
}

async function begin(
  store: ByteStore,
  layout: SparseLayout,
  descriptor: Uint8Array | undefined,
  flags: SparseHeaderFlags,
): Promise<void> {
  const { tables, redundantSector, redundantTableSector, directorySector, tableSector, overheadSectors } = layout
  await store.resize(overheadSectors * sectorBytes)
  await store.write(0, sparseHeader(layout, flags))
  if (descriptor !== undefined && descriptor.byteLength > 0) await store.write(sectorBytes, descriptor)
  await store.write(redundantSector * sectorBytes, filledDirectory(tables, redundantTableSector))
  await store.write(directorySector * sectorBytes, filledDirectory(tables, tableSector))
}

interface GrainFills {
  /** Takes note of a piece, in turn with others; what it returns writes `bytes`, or zeros. */
  readonly plan: (piece: Piece, bytes: Uint8Array | undefined) => () => Promise<void>
}

/**
 * Fills up new grains of which only a part is written, with the parent's bytes.
 *
 * Whoever writes to a grain that is being filled waits for it: the parent's bytes must not come after theirs.
 */
function grainFills(parent: VmdkParent['image'] | undefined): GrainFills {
  const underWay = new Map<number, Promise<void>>()
  return {
    plan: (piece, bytes) => {
      const { from, to, store, at, fill } = piece
      if (fill !== undefined && parent !== undefined) {
        const { promise, resolve, reject } = Promise.withResolvers<void>()
        // Heard by the writer that fills; others hear of it when they wait.
        promise.catch(() => {})
        underWay.set(fill.start, promise)
        return async () => {
          try {
            const grain = await parentGrain(parent, fill)
            if (bytes === undefined) grain.fill(0, from - fill.start, to - fill.start)
            else grain.set(bytes, from - fill.start)
            await store.write(at - (from - fill.start), grain)
            resolve()
          } catch (error) {
            reject(error)
            throw error
          } finally {
            underWay.delete(fill.start)
          }
        }
      }
      const earlier = [...underWay].filter(([start]) => start < to && start + grainBytes > from)
      return async () => {
        for (const [, fills] of earlier) await fills
        await (bytes === undefined ? store.zero(at, to - from) : store.write(at, bytes))
      }
    },
  }
}

async function parentGrain(
  parent: VmdkParent['image'],
  { start, length }: NonNullable<Piece['fill']>,
): Promise<Uint8Array> {
  const grain = new Uint8Array(length)
  const known = grain.subarray(0, Math.min(length, parent.sizeBytes - start))
  await parent.read(start, known)
  return grain
}

/** Waits for all, then throws the first failure: the caller's memory must not be read after this has thrown. */
async function settleAll(actions: readonly Promise<void>[]): Promise<void> {
  for (const outcome of await Promise.allSettled(actions)) if (outcome.status === 'rejected') throw outcome.reason
}
