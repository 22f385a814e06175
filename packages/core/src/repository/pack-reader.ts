import { Buffer } from 'node:buffer'
import type { CallOptions } from '../contract/context.js'
import { sameBytes, toHex } from './bytes.js'
import type { ChunkIndex, IndexedPack, IndexRun } from './chunk-index.js'
import { damaged } from './damage.js'
import type { EnvelopeContext } from './envelope.js'
import { maxIndexRecords } from './index-object.js'
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

/** Read at once from the end of a pack: nearly every footer and its trailer. */
const usualTailBytes = 32_768

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
  const tail = Buffer.alloc(Math.min(usualTailBytes, sizeBytes - packHeaderBytes))
  await readRange(store, key, sizeBytes - tail.length, tail, options)
  const footerBytes = decodePackTrailer(tail.subarray(-packTrailerBytes), packId, sizeBytes)
  const framesEnd = sizeBytes - packTrailerBytes - footerBytes
  const sealed = Buffer.alloc(footerBytes)
  const missing = Math.max(0, footerBytes + packTrailerBytes - tail.length)
  if (missing > 0) await readRange(store, key, framesEnd, sealed.subarray(0, missing), options)
  tail.copy(sealed, missing, tail.length - packTrailerBytes - footerBytes + missing)
  const { chain, chunks } = decodePackFooter(sealed, header, packId, framesEnd, envelope)
  const keyed = dataKeyId.some((byte) => byte !== 0)
  return { pack: { id: packId, kind, sizeBytes, dataKeyId: keyed ? toHex(dataKeyId) : '', chain }, chunks, framesEnd }
}

/** Turns footers back into an index, in runs that can be sorted. */
export function indexRunsOf(contents: readonly PackContents[]): readonly IndexRun[] {
  const runs: IndexRun[] = []
  let batch: PackContents[] = []
  let count = 0
  for (const pack of contents) {
    if (count + pack.chunks.length > maxIndexRecords && batch.length > 0) {
      runs.push(indexRunOf(batch))
      batch = []
      count = 0
    }
    batch.push(pack)
    count += pack.chunks.length
  }
  if (batch.length > 0) runs.push(indexRunOf(batch))
  return runs
}

function indexRunOf(contents: readonly PackContents[]): IndexRun {
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

/** A frame of a pack with the chunks that it is said to hold. */
export interface ListedFrame {
  readonly frameOffset: number
  readonly frameBytes: number
  readonly chunks: readonly PackChunk[]
}

/** Groups the chunks of a pack by frame, in order, and checks that the frames fill the pack without gap. */
export function framesOf(contents: PackContents): readonly ListedFrame[] {
  const ordered = groupByFrame(contents.chunks)
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

/** Groups chunks by frame, in order of both. */
function groupByFrame(chunks: readonly PackChunk[]): readonly ListedFrame[] {
  const frames = new Map<number, { frameOffset: number; frameBytes: number; chunks: PackChunk[] }>()
  for (const chunk of chunks) {
    const { frameOffset, frameBytes } = chunk
    const frame = frames.get(frameOffset) ?? { frameOffset, frameBytes, chunks: [] }
    frame.chunks.push(chunk)
    frames.set(frameOffset, frame)
  }
  for (const frame of frames.values()) frame.chunks.sort((a, b) => a.plainOffset - b.plainOffset)
  return [...frames.values()].sort((a, b) => a.frameOffset - b.frameOffset)
}

/** What the index says of packs whose own footer cannot be read: enough to read their frames. */
export function listedFrames(
  index: ChunkIndex,
  packs: ReadonlySet<string>,
): ReadonlyMap<string, readonly ListedFrame[]> {
  const chunks = new Map<string, PackChunk[]>()
  if (packs.size > 0) {
    index.forEach((id, { packInfo, frameOffset, frameBytes, plainOffset, plainBytes }) => {
      if (!packs.has(packInfo.id)) return
      const own = chunks.get(packInfo.id) ?? []
      own.push({ id: Buffer.from(id), frameOffset, frameBytes, plainOffset, plainBytes })
      chunks.set(packInfo.id, own)
    })
  }
  return new Map([...chunks].map(([id, own]) => [id, groupByFrame(own)]))
}

/** Tells whether a decoded frame holds what it is said to hold. */
export function holdsListed(
  actual: readonly { readonly id: Uint8Array; readonly offset: number; readonly length: number }[],
  listed: ListedFrame,
): boolean {
  return (
    actual.length === listed.chunks.length &&
    actual.every((chunk, i) => {
      const claimed = listed.chunks[i]
      return (
        claimed !== undefined &&
        chunk.offset === claimed.plainOffset &&
        chunk.length === claimed.plainBytes &&
        sameBytes(chunk.id, claimed.id)
      )
    })
  )
}
