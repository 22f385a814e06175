import type { Fields } from '../bytes/fields.js'
import { ImageError } from '../image/image-error.js'
import { packedLayout, packedSectorBytes } from './cluster-entry.js'

const standardEntryBytes = 8

const copiedBit = 1n << 63n
const packedBit = 1n << 62n

/** Halves of an entry. */
const offsetHigh = 0x00ff_ffff
const offsetLow = 0xffff_fe00
const zeroLow = 0x0000_0001

/** Entry of a cluster that reads as zeros and has no place. */
export const zeroEntry = 1n

/** Entry of a cluster to which nothing else refers. */
export function storedEntry(at: number): bigint {
  return copiedBit | BigInt(at)
}

/** Entry of a compressed cluster of `length` bytes. @throws ImageError `limit` where the place does not fit the entry */
export function packedEntryOf(at: number, length: number, clusterBits: number): bigint {
  const { offsetBits } = packedLayout(clusterBits)
  if (at + length > 2 ** offsetBits)
    throw new ImageError('limit', `Compressed clusters cannot be stored past ${2 ** offsetBits} bytes of an image.`, {
      hint: 'Write it without compression, or with smaller clusters.',
    })
  const sector = (offset: number) => Math.floor(offset / packedSectorBytes)
  const sectors = sector(at + length - 1) - sector(at)
  return packedBit | (BigInt(sectors) << BigInt(offsetBits)) | BigInt(at)
}

/** What an entry that was written here says: where its cluster is, 0 for nowhere, and whether it reads as zeros. */
export function ownEntry(table: Fields, index: number): { readonly at: number; readonly isZero: boolean } {
  const place = index * standardEntryBytes
  const low = table.u32(place + 4)
  return {
    at: (table.u32(place) & offsetHigh) * 2 ** 32 + ((low & offsetLow) >>> 0),
    isZero: (low & zeroLow) !== 0,
  }
}

/** Sets an entry. */
export function setEntry(table: Fields, index: number, entry: bigint): void {
  table.set64(index * standardEntryBytes, entry)
}
