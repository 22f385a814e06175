import { regionBytes } from '../repository/chunk-cutter.js'
import { frameTableBytes, maxFrameChunks, maxPlainFrameBytes } from '../repository/frame.js'
import { type Permits, permits } from '../repository/permits.js'

/** Room in front of a slab's data, so that a frame's table can stand before chunks without moving them. */
export const slabHeadroomBytes: number = Math.ceil(frameTableBytes(maxFrameChunks) / 4096) * 4096

/** Most that all transforms of a chain together may add to a frame. */
export const maxChainOverheadBytes = 32_768

/** A slab holds a region behind its headroom, or one encoded frame. */
export const slabBytes: number =
  Math.max(slabHeadroomBytes + regionBytes, maxPlainFrameBytes) + maxChainOverheadBytes + 4096

/** The fixed memory through which all disk data flows; a slab is known by its number. */
export interface SlabRing {
  readonly memory: readonly SharedArrayBuffer[]
  /** Slabs that sources and targets fill. */
  readonly inputs: Permits<number>
  /** Slabs that workers fill; kept apart so that full inputs never starve the workers. */
  readonly outputs: Permits<number>
  /** The data part of a slab, behind the headroom. */
  readonly data: (slab: number) => Uint8Array
  readonly whole: (slab: number) => Uint8Array
}

/** Allocates the ring for a number of workers. */
export function slabRing(workers: number): SlabRing {
  const inputCount = workers * 2 + 1
  const outputCount = workers + 1
  const memory = Array.from({ length: inputCount + outputCount }, () => new SharedArrayBuffer(slabBytes))
  const view = (slab: number, from: number, length: number): Uint8Array => {
    const buffer = memory[slab]
    if (buffer === undefined) throw new RangeError(`no slab ${slab}`)
    return new Uint8Array(buffer, from, length)
  }
  const numbers = (from: number, count: number) => Array.from({ length: count }, (_, i) => () => from + i)
  return {
    memory,
    inputs: permits(numbers(0, inputCount)),
    outputs: permits(numbers(inputCount, outputCount)),
    data: (slab) => view(slab, slabHeadroomBytes, regionBytes),
    whole: (slab) => view(slab, 0, slabBytes),
  }
}
