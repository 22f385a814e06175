import { sharedAlignedMemory } from '../files/aligned-memory.js'

/** Part of a pack that is taken by one frame. */
export interface FramePlace {
  /** From the start of the pack. */
  readonly offset: number
  readonly bytes: Uint8Array
}

/** Memory for a pack, in which several threads lay frames one after the other without gap. */
export interface PackRoom {
  /** Opens the same room in a worker. */
  readonly memory: SharedArrayBuffer
  /** All of it, from a page on. */
  readonly whole: Uint8Array
  /** Takes the next bytes; each claim must be filled, or the pack given up. */
  readonly claim: (bytes: number) => FramePlace
  /** Makes the next claim start there, once nobody fills an earlier one any more. */
  readonly startAt: (offset: number) => void
}

/** Where the next claim starts stands at the end of the memory. */
const cursorBytes = 4

/** Allocates room for packs of up to `bytes`. */
export function newPackRoom(bytes: number): PackRoom {
  return packRoom(sharedAlignedMemory(bytes + cursorBytes))
}

/** Opens a room by its memory. */
export function packRoom(memory: SharedArrayBuffer): PackRoom {
  const roomBytes = memory.byteLength - cursorBytes
  const whole = new Uint8Array(memory, 0, roomBytes)
  const cursor = new Int32Array(memory, roomBytes, 1)
  return {
    memory,
    whole,
    claim: (bytes) => {
      const offset = Atomics.add(cursor, 0, bytes)
      if (offset + bytes > roomBytes) throw new RangeError('a pack has no room for a frame that was promised a place')
      return { offset, bytes: whole.subarray(offset, offset + bytes) }
    },
    startAt: (offset) => {
      Atomics.store(cursor, 0, offset)
    },
  }
}
