import { damaged, type Place } from '../filesystem-error.js'

const chunkBytes = 4096
const flags = { compressed: 0x8000, signature: 0x7000, signatureValue: 0x3000, length: 0xfff } as const
const leastMatch = 3

/**
 * Decompresses LZNT1: chunks that each give up to 4 KiB, until the end of `into` or a chunk of length nought.
 *
 * @param into is zero already; what a short chunk leaves stays so
 * @throws FilesystemError `damaged`
 */
export function decompressLznt1(bytes: Uint8Array, into: Uint8Array, place: Place): void {
  let at = 0
  for (let to = 0; to < into.byteLength && at + 2 <= bytes.byteLength; to += chunkBytes) {
    const header = (bytes[at] ?? 0) | ((bytes[at + 1] ?? 0) << 8)
    if (header === 0) return
    const end = at + 2 + (header & flags.length) + 1
    if ((header & flags.signature) !== flags.signatureValue || end > bytes.byteLength)
      throw damaged('compressed content has a chunk that is none', place)
    const chunk = into.subarray(to, to + chunkBytes)
    if ((header & flags.compressed) === 0) chunk.set(bytes.subarray(at + 2, Math.min(end, at + 2 + chunk.byteLength)))
    else decompressChunk(bytes.subarray(at + 2, end), chunk, place)
    at = end
  }
}

/** Eight flags, then for each a byte as it is, or two bytes: how far back, and how many. */
function decompressChunk(bytes: Uint8Array, into: Uint8Array, place: Place): void {
  let to = 0
  for (let at = 0; at < bytes.byteLength; ) {
    const kinds = bytes[at] ?? 0
    at += 1
    for (let bit = 0; bit < 8 && at < bytes.byteLength; bit++) {
      if (((kinds >>> bit) & 1) === 0) {
        if (to >= into.byteLength) throw tooLong(place)
        into[to] = bytes[at] ?? 0
        to += 1
        at += 1
        continue
      }
      if (at + 2 > bytes.byteLength) throw damaged('compressed content ends within a match', place)
      const match = (bytes[at] ?? 0) | ((bytes[at + 1] ?? 0) << 8)
      const lengthBits = matchLengthBits(to)
      const back = (match >>> lengthBits) + 1
      const length = (match & (2 ** lengthBits - 1)) + leastMatch
      if (back > to) throw damaged('compressed content refers to what is before it', place)
      if (to + length > into.byteLength) throw tooLong(place)
      // Byte by byte: a match may reach into what it makes itself.
      for (let index = 0; index < length; index++) into[to + index] = into[to + index - back] ?? 0
      to += length
      at += 2
    }
  }
}

/** The further into the chunk, the more of the 16 bits say how far back a match is. */
function matchLengthBits(position: number): number {
  let bits = 12
  for (let reach = position - 1; reach >= 16; reach >>>= 1) bits -= 1
  return bits
}

function tooLong(place: Place) {
  return damaged('compressed content is longer than what it stands for', place)
}
