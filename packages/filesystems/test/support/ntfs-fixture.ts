import { readFileSync } from 'node:fs'
import { zstdDecompressSync } from 'node:zlib'

/** The small volume that ntfs-3g made; the bytes are the caller's own. */
export function ntfsImage(): Uint8Array {
  return Uint8Array.from(zstdDecompressSync(readFileSync(new URL('../fixtures/ntfs/varied.img.zst', import.meta.url))))
}

/** Sizes of that volume. */
const ntfsSizes = { clusterBytes: 1024, recordBytes: 1024 } as const

/** Byte at which a record of the file table lies, which is in one piece there up to it. */
export function recordAt(image: Uint8Array, number: number): number {
  const view = new DataView(image.buffer, image.byteOffset)
  return Number(view.getBigUint64(0x30, true)) * ntfsSizes.clusterBytes + number * ntfsSizes.recordBytes
}

/** Byte at which an attribute of a record lies. */
export function attributeAt(image: Uint8Array, number: number, type: number): number {
  const view = new DataView(image.buffer, image.byteOffset)
  const record = recordAt(image, number)
  let at = record + view.getUint16(record + 20, true)
  while (view.getUint32(at, true) !== type) {
    if (view.getUint32(at, true) === 0xffff_ffff) throw new Error(`record ${number} has no attribute ${type}`)
    at += view.getUint32(at + 4, true)
  }
  return at
}
