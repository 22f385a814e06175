import type { ByteStore } from '../bytes/byte-source.js'
import type { ImageWriter } from '../image/image-writer.js'
import { encodeFooter, type VhdFooter } from './footer.js'
import { footerBytes } from './layout.js'

/** Pages of the file that are never written stay holes where the storage has them. */
const unitBytes = 4096

/** Begins a fixed disk: its bytes as they are, the footer behind them (Overview, "Fixed Hard Disk Image"). */
export async function fixedWriter(store: ByteStore, footer: VhdFooter): Promise<ImageWriter> {
  const sizeBytes = footer.currentSizeBytes
  await store.resize(sizeBytes + footerBytes)
  return {
    format: 'vhd',
    variant: 'fixed',
    sizeBytes,
    order: 'any',
    unitBytes,
    write: (offset, bytes) => store.write(offset, bytes),
    zero: (offset, length) => store.zero(offset, length),
    flush: async () => {},
    close: () => store.write(sizeBytes, encodeFooter(footer)),
  }
}
