import { pageBytes, sharedAlignedMemory, wholePages } from '../files/aligned-memory.js'
import { regionBytes } from '../repository/chunk-cutter.js'
import { frameTableBytes, maxFrameChunks, maxPlainFrameBytes } from '../repository/frame.js'
import { type Permits, permits } from '../repository/permits.js'

/** Room in front of a slab's data, so that a frame's table can stand before chunks without moving them. */
export const slabHeadroomBytes: number = wholePages(frameTableBytes(maxFrameChunks))

/** Most that all transforms of a chain together may add to a frame. */
export const maxChainOverheadBytes = 32_768

/** A slab holds a region behind its headroom, or one frame, encoded or plain, that starts anywhere in the first page. */
export const slabBytes: number = wholePages(
  Math.max(slabHeadroomBytes + regionBytes, maxPlainFrameBytes) + maxChainOverheadBytes + pageBytes,
)

/** The fixed memory through which all disk data flows; a slab is known by its number and starts at a page. */
export interface SlabRing {
  readonly memory: SharedArrayBuffer
  readonly count: number
  /** Slabs that sources and targets fill. */
  readonly inputs: Permits<number>
  /** The same, for frames of a repository that is copied from: who writes holds inputs while it waits for them. */
  readonly readings: Permits<number>
  /** Slabs that workers decode into; kept apart so that full inputs never starve the workers. */
  readonly outputs: Permits<number>
  /** The data part of a slab, behind the headroom. */
  readonly data: (slab: number) => Uint8Array
  readonly whole: (slab: number) => Uint8Array
}

/** Allocates the ring for a number of workers, with so many slabs for `readings`. */
export function slabRing(workers: number, readingCount = 0): SlabRing {
  const inputCount = workers * 2 + 1
  const outputCount = workers + 2
  const count = inputCount + outputCount + readingCount
  const memory = sharedAlignedMemory(count * slabBytes)
  const numbers = (from: number, count: number) => Array.from({ length: count }, (_, i) => () => from + i)
  return {
    memory,
    count,
    inputs: permits(numbers(0, inputCount)),
    outputs: permits(numbers(inputCount, outputCount)),
    readings: permits(numbers(inputCount + outputCount, readingCount)),
    data: (slab) => slabView(memory, slab).subarray(slabHeadroomBytes, slabHeadroomBytes + regionBytes),
    whole: (slab) => slabView(memory, slab),
  }
}

/** One slab of a ring's memory, in any thread. */
export function slabView(memory: SharedArrayBuffer, slab: number): Uint8Array {
  return new Uint8Array(memory, slab * slabBytes, slabBytes)
}
