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

/** Packs differ in size by less: what held one can hold any. */
const stepBytes = 4 * 2 ** 20
const mostKept = 3

/** Makes memory that keeps what is given back. */
export function objectMemory(): ObjectMemory {
  const free: Uint8Array[] = []
  return {
    lend: (sizeBytes) => {
      const at = free.findIndex((each) => each.length >= sizeBytes)
      const [kept] = at < 0 ? [] : free.splice(at, 1)
      const whole = kept ?? new Uint8Array(new SharedArrayBuffer(Math.ceil(sizeBytes / stepBytes) * stepBytes))
      let isReleased = false
      return {
        bytes: whole.subarray(0, sizeBytes),
        release: () => {
          if (isReleased || whole.length === 0) return
          isReleased = true
          if (free.length === mostKept) free.sort((a, b) => b.length - a.length).pop()
          free.push(whole)
        },
      }
    },
  }
}
