import { batEntryBytes, mebibyte } from './layout.js'

/** An entry of the block allocation table (2.5.1), as it is stored. */
export interface BatEntry {
  readonly state: number
  /** Where the block is, in the states that have one; may be any number. */
  readonly at: number
  readonly hasReservedBits: boolean
}

/** Units of `FileOffsetMB` in the upper half of an entry, of which the lower half holds the rest in its upper bits. */
const highUnits = 2 ** 12
const lowShift = 20

/** Decodes an entry in two halves: numbers of 64 bits are slow, and tables are long. */
export function decodeBatEntry(table: DataView, index: number): BatEntry {
  const low = table.getUint32(index * batEntryBytes, true)
  const high = table.getUint32(index * batEntryBytes + 4, true)
  return {
    state: low & 0b111,
    at: (high * highUnits + (low >>> lowShift)) * mebibyte,
    hasReservedBits: (low & 0x000f_fff8) !== 0,
  }
}

/** Encodes an entry; `at` is in whole mebibytes. */
export function encodeBatEntry(table: DataView, index: number, state: number, at: number): void {
  const units = at / mebibyte
  table.setUint32(index * batEntryBytes, state | ((units % highUnits) << lowShift), true)
  table.setUint32(index * batEntryBytes + 4, Math.floor(units / highUnits), true)
}
