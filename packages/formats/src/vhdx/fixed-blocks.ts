import type { ByteStore } from '../bytes/byte-source.js'
import { encodeBatEntry } from './bat-entry.js'
import type { BlockWriter } from './block-writer.js'
import { type BlockGeometry, batEntryCount, blocksBefore, payloadEntry } from './geometry.js'
import { batEntryBytes, blockStates, mebibyte } from './layout.js'

const entriesAtOnce = mebibyte / batEntryBytes

/** Lays out all blocks in order behind the table, which is thereby complete. */
export async function fixedBlocks(
  store: ByteStore,
  geometry: BlockGeometry,
  { batAt, dataAt }: { readonly batAt: number; readonly dataAt: number },
): Promise<BlockWriter> {
  const fileBytes = dataAt + geometry.blockCount * geometry.blockBytes
  await store.resize(fileBytes)
  for (let first = 0; first < batEntryCount(geometry, false); first += entriesAtOnce) {
    const part = new DataView(new ArrayBuffer(entriesAtOnce * batEntryBytes))
    const end = Math.min(geometry.blockCount, blocksBefore(first + entriesAtOnce, geometry))
    for (let block = blocksBefore(first, geometry); block < end; block++)
      encodeBatEntry(
        part,
        payloadEntry(block, geometry) - first,
        blockStates.fullyPresent,
        dataAt + block * geometry.blockBytes,
      )
    await store.write(batAt + first * batEntryBytes, new Uint8Array(part.buffer))
  }
  return {
    write: (offset, bytes) => store.write(dataAt + offset, bytes),
    zero: (offset, length) => store.zero(dataAt + offset, length),
    flush: async () => {},
    fileBytes: () => fileBytes,
  }
}
