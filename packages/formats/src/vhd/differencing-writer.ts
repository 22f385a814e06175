import type { ByteStore } from '../bytes/byte-source.js'
import { ImageError } from '../image/image-error.js'
import type { ImageWriter } from '../image/image-writer.js'
import { bitmapCache } from './bitmap-cache.js'
import { blockParts } from './block-parts.js'
import { sectorBytes } from './layout.js'
import { hasBit, setBits } from './sector-bitmap.js'
import { type SparseWriterOptions, sparseWriter } from './sparse-writer.js'

/** What a differencing disk needs beside what every disk of blocks does. */
export interface DifferencingWriterOptions extends SparseWriterOptions {
  /** Fills `into` with the parent's bytes. */
  readonly readParent?: (offset: number, into: Uint8Array) => Promise<void>
  readonly parentBytes: number
}

/**
 * Begins a differencing disk (Implementing a Differencing Hard Disk, "Write Operation").
 *
 * A bit of a bitmap says that a sector is in the child, the whole of it: a sector that is written in part takes its other
 * bytes from the parent.
 */
export function differencingWriter(store: ByteStore, options: DifferencingWriterOptions): ImageWriter {
  const { blockBytes, readParent, parentBytes } = options
  const sizeBytes = options.footer.currentSizeBytes
  const frame = sparseWriter(store, options)
  const bitmaps = bitmapCache({
    store,
    blocks: Math.ceil(sizeBytes / blockBytes),
    bitmapBytes: frame.bitmapBytes,
    placeOf: (index) => frame.place(index).bitmapAt,
  })

  /** Changes a part of one sector, and makes the sector the child's. In turn: two writes may share the sector. */
  const writePartOfSector = async (index: number, from: number, bytes: Uint8Array) => {
    const sector = Math.floor(from / sectorBytes)
    const start = sector * sectorBytes
    await bitmaps.use(index, async (bitmap) => {
      const { dataAt } = frame.place(index)
      if (hasBit(bitmap, sector)) return store.write(dataAt + from, bytes)
      const whole = new Uint8Array(sectorBytes)
      await parentSector(index * blockBytes + start, whole)
      whole.set(bytes, from - start)
      await store.write(dataAt + start, whole)
      setBits(bitmap, sector, sector + 1)
    })
  }

  const parentSector = async (offset: number, into: Uint8Array) => {
    if (readParent === undefined)
      throw new ImageError(
        'unsupported',
        `Only a part of the sector at ${offset} is written; the rest is the parent's`,
        {
          hint: 'Write whole sectors of 512 bytes, or give `readParent`.',
        },
      )
    const known = Math.max(0, Math.min(into.byteLength, parentBytes - offset))
    if (known > 0) await readParent(offset, into.subarray(0, known))
  }

  /** Writes a part of a block: sectors at its ends that are not whole, and those between. */
  const writePart = async (index: number, from: number, to: number, parts: PartWriter) => {
    const firstWhole = Math.min(to, Math.ceil(from / sectorBytes) * sectorBytes)
    const lastWhole = Math.max(firstWhole, Math.floor(to / sectorBytes) * sectorBytes)
    if (from < firstWhole) await writePartOfSector(index, from, parts.bytes(from, firstWhole))
    if (firstWhole < lastWhole) {
      await parts.whole(firstWhole, lastWhole)
      await bitmaps.use(index, (bitmap) => setBits(bitmap, firstWhole / sectorBytes, lastWhole / sectorBytes))
    }
    if (lastWhole < to) await writePartOfSector(index, lastWhole, parts.bytes(lastWhole, to))
  }

  return {
    format: 'vhd',
    variant: 'differencing',
    sizeBytes,
    order: 'any',
    unitBytes: blockBytes,
    write: async (offset, bytes) => {
      for (const { index, from, to, at } of blockParts(offset, bytes.byteLength, blockBytes)) {
        const part = (start: number, end: number) => bytes.subarray(at + start - from, at + end - from)
        await writePart(index, from, to, {
          bytes: part,
          whole: (start, end) => store.write(frame.place(index).dataAt + start, part(start, end)),
        })
      }
    },
    zero: async (offset, length) => {
      for (const { index, from, to } of blockParts(offset, length, blockBytes)) {
        await writePart(index, from, to, {
          bytes: (start, end) => new Uint8Array(end - start),
          whole: async (start, end) => {
            const found = frame.find(index)
            // A block that gets its place now holds zeros there, since nothing was written to it.
            if (found === undefined) frame.place(index)
            else await store.zero(found.dataAt + start, end - start)
          },
        })
      }
    },
    flush: async () => {
      await bitmaps.flush()
      await frame.flush()
    },
    close: async () => {
      await bitmaps.flush()
      await frame.finish()
    },
  }
}

interface PartWriter {
  /** The new bytes of a part of a sector. */
  readonly bytes: (from: number, to: number) => Uint8Array
  /** Makes whole sectors what they shall be. */
  readonly whole: (from: number, to: number) => Promise<void>
}
