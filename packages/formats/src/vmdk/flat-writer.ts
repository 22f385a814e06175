import type { ByteRange, ByteStore } from '../bytes/byte-source.js'
import type { KindWriter } from './sparse-writer.js'

/** Nothing is allocated in units: this is what file systems have. */
const pageBytes = 4096

/** A flat extent that is to be made. */
export interface NewFlatExtent {
  readonly store: ByteStore
  readonly sizeBytes: number
}

/** Begins flat extents, all of one size but the last; `finish` is called on close. */
export async function flatWriter(extents: readonly NewFlatExtent[], finish: () => Promise<void>): Promise<KindWriter> {
  const sizeBytes = extents.reduce((sum, extent) => sum + extent.sizeBytes, 0)
  const extentBytes = extents[0]?.sizeBytes ?? sizeBytes
  for (const extent of extents) await extent.store.resize(extent.sizeBytes)

  const each = async (
    { offset, length }: ByteRange,
    visit: (store: ByteStore, at: number, from: number, length: number) => Promise<void>,
  ) => {
    for (let done = 0; done < length; ) {
      const within = (offset + done) % extentBytes
      const part = Math.min(length - done, extentBytes - within)
      const store = extents[Math.floor((offset + done) / extentBytes)]?.store
      if (store !== undefined) await visit(store, within, done, part)
      done += part
    }
  }
  return {
    order: 'any',
    unitBytes: pageBytes,
    write: (offset, bytes) =>
      each({ offset, length: bytes.byteLength }, (store, at, from, length) =>
        store.write(at, bytes.subarray(from, from + length)),
      ),
    zero: (offset, length) => each({ offset, length }, (store, at, _from, part) => store.zero(at, part)),
    flush: async () => {},
    close: finish,
  }
}
