import type { ObjectKey } from '../model/ids.js'
import { damaged } from './damage.js'
import type { ObjectStore } from './object-store.js'

/** Part of an object that was read into memory. */
export interface HeldPart {
  readonly key: ObjectKey
  /** Where in the object the bytes begin. */
  readonly offset: number
  readonly bytes: Uint8Array
}

/**
 * Shows a store with a part of one object in memory: its ranges are read there, and the target is not asked for them.
 *
 * `onRead` is called once for each range that was read to its end, or given up: its bytes are not looked at any more.
 */
export function objectInMemory(
  store: ObjectStore,
  { key, offset, bytes }: HeldPart,
  onRead: () => void = () => {},
): ObjectStore {
  async function* held(from: number, length: number): AsyncGenerator<Uint8Array> {
    try {
      if (from < offset || from + length > offset + bytes.byteLength) {
        throw damaged(key, `bytes ${from} to ${from + length} are not all where its frames are said to be`)
      }
      yield bytes.subarray(from - offset, from - offset + length)
    } finally {
      onRead()
    }
  }
  return {
    ...store,
    get: (wanted, options) =>
      wanted === key && options.range !== undefined
        ? held(options.range.offset, options.range.length)
        : store.get(wanted, options),
  }
}
