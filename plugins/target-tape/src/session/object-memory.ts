/** Memory for one object. */
export interface Lent {
  readonly bytes: Uint8Array
  /** Gives it back; nobody may use it after that. */
  readonly release: () => void
}

/** Lends memory for objects, shared with other threads, over and over: to clear new memory takes longer than to send it to a drive. */
export interface ObjectMemory {
  readonly lend: (sizeBytes: number) => Lent
}

/** Below, new memory is soon cleared. */
const smallBytes = 2 ** 20

/** Any pack goes into one of these; of what it does not need, nothing is touched. */
const packBytes = 24 * 2 ** 20

/** One that is written, the next, and one that may have to be written again. */
const mostKept = 3

/** Makes memory that keeps what is given back. */
export function objectMemory(): ObjectMemory {
  const free: Uint8Array[] = []
  return {
    lend: (sizeBytes) => {
      if (sizeBytes < smallBytes || sizeBytes > packBytes)
        return { bytes: new Uint8Array(new SharedArrayBuffer(sizeBytes)), release: () => {} }
      const whole = free.pop() ?? new Uint8Array(new SharedArrayBuffer(packBytes))
      let isReleased = false
      return {
        bytes: whole.subarray(0, sizeBytes),
        release: () => {
          if (isReleased) return
          isReleased = true
          if (free.length < mostKept) free.push(whole)
        },
      }
    },
  }
}
