import { setTimeout as sleep } from 'node:timers/promises'
import type { Fault, FaultyCall } from './fault.js'

/** Which bytes a fault strikes. */
export interface StruckBytes {
  /** `get` is a store that lost data, `put` one that stores other data than it was given, `readInto` a bad disk. */
  readonly operation: 'get' | 'put' | 'readInto'
  /** Only subjects (keys, disks) that start so. */
  readonly subject?: string
  /** Position in the stream of the call, or on the disk. */
  readonly offset: number
}

/** Drops every byte from `offset` on, without an error; on a disk they read as zeros. */
export function truncate(struck: StruckBytes & { readonly operation: 'get' | 'readInto' }): Fault {
  return {
    bytes: (piece, offset, call) =>
      strikes(struck, call) && offset + piece.length > struck.offset
        ? piece.subarray(0, Math.max(0, struck.offset - offset))
        : piece,
  }
}

/** Flips one bit of the byte at `offset`, without an error. */
export function flipBit(struck: StruckBytes & { readonly bit?: number }): Fault {
  return {
    bytes: (piece, offset, call) => {
      const at = struck.offset - offset
      if (!strikes(struck, call) || at < 0 || at >= piece.length) return piece
      // A slice of a Buffer would be the stored bytes themselves, and the next call would flip the bit back.
      const altered = new Uint8Array(piece)
      altered[at] = (altered[at] ?? 0) ^ (1 << (struck.bit ?? 0))
      return altered
    },
  }
}

/** Moves so many bytes a second, all calls together. */
export function slow(bytesPerSecond: number): Fault {
  let freeAt = 0
  return {
    bytes: async (piece, _offset, { signal }) => {
      const now = performance.now()
      freeAt = Math.max(now, freeAt) + (piece.length / bytesPerSecond) * 1000
      signal.throwIfAborted()
      await sleep(freeAt - now, undefined, { signal }).catch((error: unknown) => {
        signal.throwIfAborted()
        throw error
      })
      return piece
    },
  }
}

function strikes({ operation, subject = '' }: StruckBytes, call: FaultyCall): boolean {
  return call.operation === operation && call.subject.startsWith(subject)
}
