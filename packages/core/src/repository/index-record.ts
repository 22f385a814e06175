import { chunkIdBytes } from './chunk-id.js'

/** A chunk's entry in an index, on the target and in memory alike: 52 bytes. Spec: "Index". */
export const indexRecordBytes = chunkIdBytes + 20
/** The same in 32-bit words. */
export const indexRecordWords = indexRecordBytes / 4

/** Where a chunk is stored. `pack` counts in the pack table that the entry belongs to. */
export interface ChunkPlace {
  readonly pack: number
  readonly frameOffset: number
  readonly frameBytes: number
  readonly plainOffset: number
  readonly plainBytes: number
}

/** Reads the place of the record that starts at word `at`. */
export function readPlace(words: Uint32Array, at: number): ChunkPlace {
  return {
    pack: words[at + 8] ?? 0,
    frameOffset: words[at + 9] ?? 0,
    frameBytes: words[at + 10] ?? 0,
    plainOffset: words[at + 11] ?? 0,
    plainBytes: words[at + 12] ?? 0,
  }
}

/** Writes a place into the record that starts at word `at`. */
export function writePlace(words: Uint32Array, at: number, place: ChunkPlace): void {
  words[at + 8] = place.pack
  words[at + 9] = place.frameOffset
  words[at + 10] = place.frameBytes
  words[at + 11] = place.plainOffset
  words[at + 12] = place.plainBytes
}

/** Copies a record word by word: views of single records would be garbage by the million. */
export function copyRecord(from: Uint32Array, fromAt: number, to: Uint32Array, toAt: number): void {
  for (let i = 0; i < indexRecordWords; i++) to[toAt + i] = from[fromAt + i] ?? 0
}

/** Reads a chunk id as eight native words, the form in which records are compared. */
export function idWords(id: Uint8Array, into: Uint32Array): Uint32Array {
  const bytes = new Uint8Array(into.buffer, into.byteOffset, chunkIdBytes)
  bytes.set(id)
  return into
}

/** Tells whether the record at word `at` has this id. */
export function sameId(words: Uint32Array, at: number, id: Uint32Array): boolean {
  for (let i = 0; i < 8; i++) if (words[at + i] !== id[i]) return false
  return true
}
