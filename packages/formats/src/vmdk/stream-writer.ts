import { Buffer } from 'node:buffer'
import { deflate } from 'node:zlib'
import { allocate } from '../bytes/allocate.js'
import type { ByteSink } from '../bytes/byte-source.js'
import { fields } from '../bytes/fields.js'
import { ascendingUnits } from '../image/ascending-units.js'
import { ImageError } from '../image/image-error.js'
import { grainMarkerBytes } from './packed-grain.js'
import { sectorBytes, sectorsOf } from './sectors.js'
import {
  entriesPerTable,
  entryBytes,
  grainBytes,
  grainSectors,
  reachedSectors,
  streamHeader,
  streamOverheadSectors,
  tableBytes,
  tableSectors,
} from './sparse-layout.js'
import type { KindWriter } from './sparse-writer.js'
import { markerFields, markerTypes } from './stream-footer.js'

/** What a new stream is. */
export interface StreamOptions {
  readonly sizeBytes: number
  /** As it is embedded, padded to whole sectors. */
  readonly descriptor: Uint8Array
  readonly compressionLevel: number
}

/**
 * Begins a stream-optimized extent: written from its start to its end and never changed, as OVF tools want it
 * (Virtual Disk Format 5.0, "Stream-Optimized Compressed Sparse Extents").
 *
 * Header, descriptor; the grains of each table with the table behind them; directory, footer, end of stream.
 */
export async function streamWriter(
  sink: ByteSink,
  { sizeBytes, descriptor, compressionLevel }: StreamOptions,
): Promise<KindWriter> {
  const capacity = sizeBytes / sectorBytes
  const descriptorSectors = sectorsOf(descriptor.byteLength)
  const out = await streamOutput(sink, streamHeader(capacity, descriptorSectors), descriptor)
  const tables = Math.ceil(capacity / (grainSectors * entriesPerTable))
  const directory = allocate(sectorsOf(tables * entryBytes) * sectorBytes, 'the grain directory', 'the new image')
  const directoryFields = fields(directory, 'little', '')
  let table: { readonly index: number; readonly bytes: Uint8Array } | undefined

  const endTable = async () => {
    if (table === undefined) return
    await out.append(marker(markerTypes.grainTable, tableSectors))
    directoryFields.set32(table.index * entryBytes, out.sector())
    await out.append(table.bytes)
    table = undefined
  }
  const units = ascendingUnits<Uint8Array>({
    sizeBytes,
    unitBytes: grainBytes,
    encode: (bytes) => compressed(bytes, compressionLevel),
    append: async (grain, record) => {
      const index = Math.floor(grain / entriesPerTable)
      if (table !== undefined && table.index !== index) await endTable()
      table ??= { index, bytes: new Uint8Array(tableBytes) }
      fields(record, 'little', '').set64(0, grain * grainSectors)
      fields(table.bytes, 'little', '').set32((grain % entriesPerTable) * entryBytes, out.sector())
      await out.append(record)
    },
  })
  return {
    order: 'ascending',
    unitBytes: grainBytes,
    write: units.write,
    zero: units.zero,
    flush: async () => {
      await units.flush()
      await out.flush()
    },
    close: async () => {
      await units.finish()
      await endTable()
      await out.append(marker(markerTypes.grainDirectory, sectorsOf(directory.byteLength)))
      const directorySector = out.sector()
      await out.append(directory)
      await out.append(marker(markerTypes.footer, 1))
      await out.append(streamHeader(capacity, descriptorSectors, directorySector))
      await out.append(marker(markerTypes.endOfStream, 0))
      await out.flush()
    },
  }
}

/** The most memory for zlib's hash table: an eighth less time than the default, at the same size. */
const memLevel = 9

/** A sector that says what follows. */
function marker(type: number, sectors: number): Uint8Array {
  const bytes = new Uint8Array(sectorBytes)
  const { set32, set64 } = fields(bytes, 'little', '')
  set64(markerFields.sectors, sectors)
  set32(markerFields.type, type)
  return bytes
}

/** Compresses a grain into whole sectors, with room for its place on the disk in front. */
function compressed(bytes: Uint8Array, level: number): Promise<Uint8Array> {
  return new Promise((resolve, reject) => {
    deflate(bytes, { level, memLevel }, (error, packed) => {
      if (error !== null) return reject(error)
      const record = new Uint8Array(sectorsOf(grainMarkerBytes + packed.byteLength) * sectorBytes)
      fields(record, 'little', '').set32(markerFields.size, packed.byteLength)
      record.set(packed, grainMarkerBytes)
      resolve(record)
    })
  })
}

interface StreamOutput {
  /** Sector at which the next bytes go. */
  readonly sector: () => number
  /** Takes whole sectors. Called: one at a time. @throws ImageError `limit` */
  readonly append: (bytes: Uint8Array) => Promise<void>
  readonly flush: () => Promise<void>
}

/** Gathered before they are written. */
const writeBytes = 2 ** 20

async function streamOutput(sink: ByteSink, header: Uint8Array, descriptor: Uint8Array): Promise<StreamOutput> {
  const start = new Uint8Array(streamOverheadSectors * sectorBytes)
  start.set(header)
  start.set(descriptor, header.byteLength)
  let waiting: Uint8Array[] = [start]
  let waitingBytes = start.byteLength
  let written = 0
  const flush = async () => {
    if (waitingBytes === 0) return
    const bytes = Buffer.concat(waiting, waitingBytes)
    const at = written
    waiting = []
    waitingBytes = 0
    written += bytes.byteLength
    await sink.write(at, bytes)
  }
  return {
    sector: () => (written + waitingBytes) / sectorBytes,
    append: async (bytes) => {
      if ((written + waitingBytes + bytes.byteLength) / sectorBytes > reachedSectors)
        throw new ImageError('limit', 'The stream is longer than the 2 TiB that its entries reach', {
          hint: 'Write a flat kind instead.',
        })
      waiting.push(bytes)
      waitingBytes += bytes.byteLength
      if (waitingBytes >= writeBytes) await flush()
    },
    flush,
  }
}
