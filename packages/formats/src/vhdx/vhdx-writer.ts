import type { ByteStore } from '../bytes/byte-source.js'
import type { ImageWriter } from '../image/image-writer.js'
import { withinDisk } from '../image/within-disk.js'
import type { BlockWriter } from './block-writer.js'
import { encodeFileType, encodeHeader, encodeMetadata, encodeRegionTable, newFile } from './encode-structures.js'
import { fixedBlocks } from './fixed-blocks.js'
import { batEntryCount, blockGeometry } from './geometry.js'
import { growingBlocks } from './growing-blocks.js'
import { alignmentBytes, batEntryBytes, headers, regionTables } from './layout.js'
import { type CheckedOptions, checkOptions, type VhdxWriterOptions } from './writer-options.js'

/**
 * Begins a VHDX image: fixed, dynamic or differencing, with an empty log.
 *
 * The headers are written last, so that a file that was not closed is no VHDX image to anybody.
 * @throws ImageError `unsupported`, `limit`
 */
export async function createVhdx(store: ByteStore, options: VhdxWriterOptions): Promise<ImageWriter> {
  const checked = checkOptions(options)
  const { sizeBytes, variant, blockBytes } = checked
  const geometry = blockGeometry(checked)
  // With room for a last sector bitmap, as Hyper-V has it, so that a disk can become a differencing one and back.
  const batBytes = wholeMebibytes(batEntryCount(geometry, true) * batEntryBytes)
  const batAt = newFile.bat.offset
  const places = { batAt, dataAt: batAt + batBytes }
  await writeStart(store, checked, batBytes)
  const blocks =
    options.variant === 'fixed'
      ? await fixedBlocks(store, geometry, places)
      : growingBlocks(store, {
          geometry,
          ...places,
          ...(options.variant === 'differencing' && { readParent: options.readParent }),
        })
  return withinDisk({
    format: 'vhdx',
    variant,
    sizeBytes,
    order: 'any',
    unitBytes: blockBytes,
    write: blocks.write,
    zero: blocks.zero,
    flush: blocks.flush,
    close: () => finish(store, checked, blocks),
  })
}

async function writeStart(store: ByteStore, options: CheckedOptions, batBytes: number): Promise<void> {
  const metadata = encodeMetadata(options)
  await store.write(0, encodeFileType(options.creator))
  for (const at of regionTables.places) await store.write(at, encodeRegionTable(batBytes))
  await store.write(newFile.metadata.offset, metadata)
}

async function finish(store: ByteStore, options: CheckedOptions, blocks: BlockWriter): Promise<void> {
  await blocks.flush()
  await store.resize(blocks.fileBytes())
  // The second header has the greater sequence number and is the current one.
  for (const [index, at] of headers.places.entries()) await store.write(at, encodeHeader(options, index + 1))
}

function wholeMebibytes(bytes: number): number {
  return Math.ceil(bytes / alignmentBytes) * alignmentBytes
}
