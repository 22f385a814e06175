import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'

/** Collects short-lived buffers after so many bytes have gone through. */
export type CountBytes = (bytes: number) => void

/**
 * Makes a counter that runs a minor collection each `everyBytes`.
 *
 * Ciphers return a new buffer for every piece, and V8 lets some 60 MiB of those pile up in each thread, since they live
 * outside its heap. A minor collection takes well under a millisecond; without access to one, memory is merely higher.
 */
export function collectYoungGarbage(everyBytes: number): CountBytes {
  const collect = minorCollection()
  let bytes = 0
  return (passed) => {
    bytes += passed
    if (bytes < everyBytes || collect === undefined) return
    bytes = 0
    collect()
  }
}

function minorCollection(): (() => void) | undefined {
  setFlagsFromString('--expose-gc')
  const gc: unknown = runInNewContext('typeof gc === "function" ? gc : undefined')
  return typeof gc === 'function' ? () => void gc({ type: 'minor' }) : undefined
}
