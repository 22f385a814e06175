import type { ByteRange } from '../bytes/byte-source.js'
import type { DiskImage } from './disk-image.js'
import type { ImageWriter } from './image-writer.js'
import { isZero } from './is-zero.js'

/** How to copy. */
export interface CopyImageOptions {
  readonly signal?: AbortSignal
  /** Called after each piece, with the bytes of the disk that are done with, zeros included. */
  readonly onProgress?: (doneBytes: number) => void
}

/** What a copy did. */
export interface CopyImageReport {
  /** Bytes that were read: data that some layer holds. */
  readonly readBytes: number
  /** Bytes that were written; zeros that fill whole units are left out. */
  readonly writtenBytes: number
}

/** Read at once; pieces begin at multiples of it, so that few units are cut. Smaller ones cost the page cache more. */
const pieceBytes = 2 * 2 ** 20
const piecesAtOnce = 3

/** Zeros are looked for in stretches between these, whatever the writer's unit. */
const granuleBytes = { least: 4096, most: 65_536 }

/**
 * Copies a disk into a new image of at least its size; the writer is not closed.
 *
 * Reads run ahead of writes; a writer that takes ascending ranges only is given them one after another.
 */
export async function copyImage(
  from: DiskImage,
  to: ImageWriter,
  { signal, onProgress }: CopyImageOptions = {},
): Promise<CopyImageReport> {
  const buffers = Array.from({ length: piecesAtOnce }, () => new Uint8Array(pieceBytes))
  const underWay = new Set<Promise<void>>()
  const granule = Math.min(granuleBytes.most, Math.max(granuleBytes.least, to.unitBytes))
  let lastWrite = Promise.resolve()
  let readBytes = 0
  let writtenBytes = 0

  const copyPiece = async ({ offset, length }: ByteRange, buffer: Uint8Array, earlier: Promise<void>) => {
    const bytes = buffer.subarray(0, length)
    await from.read(offset, bytes)
    readBytes += length
    if (to.order === 'ascending') await earlier
    for (const part of dataParts(bytes, offset, granule)) {
      await to.write(offset + part.offset, bytes.subarray(part.offset, part.offset + part.length))
      writtenBytes += part.length
    }
    onProgress?.(offset + length)
  }

  try {
    for await (const piece of dataPieces(from)) {
      signal?.throwIfAborted()
      const buffer = buffers.pop() ?? new Uint8Array(pieceBytes)
      const copied = copyPiece(piece, buffer, lastWrite)
      lastWrite = copied
      const done = copied.finally(() => {
        underWay.delete(done)
        buffers.push(buffer)
      })
      underWay.add(done)
      if (underWay.size >= piecesAtOnce) await Promise.race(underWay)
    }
    await Promise.all(underWay)
  } catch (error) {
    await Promise.allSettled(underWay)
    throw error
  }
  onProgress?.(from.sizeBytes)
  return { readBytes, writtenBytes }
}

/** Yields ranges of at most one piece that hold all data of a disk: extents that share a piece are read together. */
async function* dataPieces(from: DiskImage): AsyncGenerator<ByteRange, void, undefined> {
  let held: { offset: number; end: number } | undefined
  for await (const { kind, offset, length } of from.extents()) {
    if (kind !== 'data') continue
    for (let at = offset; at < offset + length; ) {
      const end = Math.min(offset + length, at - (at % pieceBytes) + pieceBytes)
      if (held !== undefined && samePiece(held.offset, at)) held = { ...held, end }
      else {
        if (held !== undefined) yield { offset: held.offset, length: held.end - held.offset }
        held = { offset: at, end }
      }
      at = end
    }
  }
  if (held !== undefined) yield { offset: held.offset, length: held.end - held.offset }
}

function samePiece(a: number, b: number): boolean {
  return Math.floor(a / pieceBytes) === Math.floor(b / pieceBytes)
}

/** Yields the stretches of a piece that are not zero, cut at multiples of `granule` on the disk. */
function* dataParts(bytes: Uint8Array, diskOffset: number, granule: number): Generator<ByteRange, void, undefined> {
  let start: number | undefined
  for (let at = 0; at < bytes.byteLength; ) {
    const end = Math.min(bytes.byteLength, at + granule - ((diskOffset + at) % granule))
    const zero = isZero(bytes, at, end)
    if (!zero) start ??= at
    else if (start !== undefined) {
      yield { offset: start, length: at - start }
      start = undefined
    }
    at = end
  }
  if (start !== undefined) yield { offset: start, length: bytes.byteLength - start }
}
