import { constants, createInflateRaw, createZstdDecompress, type InflateRaw, type ZstdDecompress } from 'node:zlib'
import type { NamedSource } from '../bytes/byte-source.js'
import { readPart } from '../bytes/read-part.js'
import { ImageError } from '../image/image-error.js'
import type { PackedUnit } from '../image/layer.js'

/** Where a compressed cluster is, and how long what comes out of it must be. */
export interface PackedPlace {
  /** On the disk. */
  readonly offset: number
  /** In the file, with the length that the descriptor claims: up to a sector more than there is. */
  readonly at: number
  readonly length: number
  readonly unpackedBytes: number
  readonly compression: 'zlib' | 'zstd'
}

/** Largest window that a zstd frame may ask memory for: what RFC 8878, section 3.1.1.1.2, wants every decoder to have. */
const zstdWindowLog = 23

/** More frames than any writer makes of one cluster; each costs a decoder. */
const framesLimit = 16

/** Makes the unit of a compressed cluster. */
export function packedUnit(file: NamedSource, place: PackedPlace): PackedUnit {
  const { offset, at, unpackedBytes } = place
  return { offset, length: unpackedBytes, source: file.source, at, unpack: () => unpack(file, place) }
}

async function unpack(
  file: NamedSource,
  { offset, at, length, unpackedBytes, compression }: PackedPlace,
): Promise<Uint8Array> {
  const what = `the compressed cluster for ${offset} of the disk`
  // Whole sectors are claimed, of which the last may not be there to its end.
  const present = Math.max(1, Math.min(length, file.source.sizeBytes - at))
  const packed = await readPart(file, at, present, what)
  const fail = (why: string, cause?: unknown) =>
    new ImageError('corrupt', `${what}, at ${at}, ${why}`, {
      file: file.name,
      offset: at,
      hint: 'Restore the file from a good copy; no part of it was guessed.',
      cause,
    })
  const unpacked = new Uint8Array(unpackedBytes)
  let filled = 0
  let taken = 0
  for (let frame = 0; filled < unpackedBytes; frame++) {
    if (frame === framesLimit) throw fail(`has more than ${framesLimit} parts`)
    const into = unpacked.subarray(filled)
    const decoded = await decode(decoder(compression, into.byteLength), packed.subarray(taken), into).catch(
      (cause: unknown) => {
        throw fail(`does not decompress as ${compression}`, cause)
      },
    )
    filled += decoded.filled
    taken += decoded.taken
    // Only zstd data comes in several frames.
    if (filled < unpackedBytes && (compression === 'zlib' || decoded.taken === 0 || taken === packed.byteLength))
      throw fail(`decompresses to ${filled} bytes, not ${unpackedBytes}`)
  }
  return unpacked
}

/** Least size of the pieces in which node:zlib hands out what it decodes. */
const leastPieceBytes = 64

function decoder(compression: 'zlib' | 'zstd', bytes: number): InflateRaw | ZstdDecompress {
  const chunkSize = Math.max(leastPieceBytes, bytes)
  if (compression === 'zlib') return createInflateRaw({ chunkSize })
  return createZstdDecompress({ chunkSize, params: { [constants.ZSTD_d_windowLogMax]: zstdWindowLog } })
}

/**
 * Decodes until `into` is full or the data ends; whatever follows is left alone, as the spec wants ("decompression stops
 * when it has produced a cluster of data").
 */
function decode(
  stream: InflateRaw | ZstdDecompress,
  packed: Uint8Array,
  into: Uint8Array,
): Promise<{ readonly filled: number; readonly taken: number }> {
  return new Promise((resolve, reject) => {
    let filled = 0
    stream.on('error', reject)
    stream.on('end', () => resolve({ filled, taken: stream.bytesWritten }))
    stream.on('data', (piece: Uint8Array) => {
      const part = piece.subarray(0, into.byteLength - filled)
      into.set(part, filled)
      filled += part.byteLength
      if (filled < into.byteLength) return
      resolve({ filled, taken: stream.bytesWritten })
      stream.destroy()
    })
    stream.end(packed)
  })
}
