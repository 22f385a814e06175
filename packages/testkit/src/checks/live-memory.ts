import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'

let collect: (() => void) | undefined

/** Bytes in buffers that are still referenced, after a garbage collection. */
export function liveBufferBytes(): number {
  collect ??= garbageCollector()
  collect()
  return process.memoryUsage().arrayBuffers
}

function garbageCollector(): () => void {
  setFlagsFromString('--expose-gc')
  const gc: unknown = runInNewContext('gc')
  return typeof gc === 'function' ? () => void gc() : () => undefined
}
