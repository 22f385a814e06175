import { Buffer } from 'node:buffer'
import type { CallOptions } from '../contract/context.js'
import { toHex } from './bytes.js'
import type { IndexedPack, IndexRun } from './chunk-index.js'
import { damaged } from './damage.js'
import type { EnvelopeContext } from './envelope.js'
import { idWords, indexRecordWords, writePlace } from './index-record.js'
import { packKey } from './layout.js'
import { readRange } from './object-reader.js'
import type { ObjectStore } from './object-store.js'
import {
  decodePackFooter,
  decodePackHeader,
  decodePackTrailer,
  type PackChunk,
  packHeaderBytes,
  packTrailerBytes,
} from './pack-format.js'
import { sortRecords } from './sorted-records.js'

/** A pack as its own header and footer describe it. */
export interface PackContents {
  readonly pack: IndexedPack
  readonly chunks: readonly PackChunk[]
  /** Where frames end and the footer begins. */
  readonly framesEnd: number
}

/** Reads header, footer and trailer of a pack of that size. @throws BackupError `E_DAMAGED` */
export async function readPackContents(
  store: ObjectStore,
  envelope: EnvelopeContext,
  packId: string,
  sizeBytes: number,
  options: CallOptions,
): Promise<PackContents> {
  const key = packKey(packId)
  if (sizeBytes < packHeaderBytes + packTrailerBytes) throw damaged(key, 'it is truncated')
  const header = Buffer.alloc(packHeaderBytes)
  await readRange(store, key, 0, header, options)
  const { kind, dataKeyId } = decodePackHeader(header, packId, envelope.repositoryId)
  const trailer = Buffer.alloc(packTrailerBytes)
  await readRange(store, key, sizeBytes - packTrailerBytes, trailer, options)
  const footerBytes = decodePackTrailer(trailer, packId, sizeBytes)
  const framesEnd = sizeBytes - packTrailerBytes - footerBytes
  const sealed = Buffer.alloc(footerBytes)
  await readRange(store, key, framesEnd, sealed, options)
  const { chain, chunks } = decodePackFooter(sealed, header, packId, framesEnd, envelope)
  const keyed = dataKeyId.some((byte) => byte !== 0)
  return { pack: { id: packId, kind, sizeBytes, dataKeyId: keyed ? toHex(dataKeyId) : '', chain }, chunks, framesEnd }
}

/** Turns footers back into an index. */
export function indexRunOf(contents: readonly PackContents[]): IndexRun {
  const count = contents.reduce((sum, { chunks }) => sum + chunks.length, 0)
  const records = new Uint32Array(count * indexRecordWords)
  let at = 0
  contents.forEach(({ chunks }, pack) => {
    for (const { id, ...place } of chunks) {
      idWords(id, records.subarray(at, at + 8))
      writePlace(records, at, { pack, ...place })
      at += indexRecordWords
    }
  })
  return { packs: contents.map(({ pack }) => pack), records: sortRecords(records) }
}

/** Groups the chunks of a pack by frame, in order, and checks that the frames fill the pack without gap. */
export function framesOf(
  contents: PackContents,
): readonly { readonly frameOffset: number; readonly frameBytes: number; readonly chunks: readonly PackChunk[] }[] {
  const frames = new Map<
    number,
    { readonly frameOffset: number; readonly frameBytes: number; readonly chunks: PackChunk[] }
  >()
  for (const chunk of contents.chunks) {
    const frame = frames.get(chunk.frameOffset) ?? {
      frameOffset: chunk.frameOffset,
      frameBytes: chunk.frameBytes,
      chunks: [],
    }
    frame.chunks.push(chunk)
    frames.set(chunk.frameOffset, frame)
  }
  const ordered = [...frames.values()].sort((a, b) => a.frameOffset - b.frameOffset)
  let end = packHeaderBytes
  for (const frame of ordered) {
    if (frame.frameOffset !== end)
      throw damaged(packKey(contents.pack.id), 'its footer leaves bytes between frames unaccounted for')
    end += frame.frameBytes
  }
  if (end !== contents.framesEnd)
    throw damaged(packKey(contents.pack.id), 'its footer leaves bytes behind the frames unaccounted for')
  return ordered
}
