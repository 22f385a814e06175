import type { Fields } from '../bytes/fields.js'
import type { Geometry } from './geometry.js'

/**
 * What an L2 entry says of its cluster (spec: L2 table entry, Extended L2 Entries). `at` is a place in the file that the
 * entry holds, whether or not it is read; it lies on a cluster boundary, but perhaps past the end.
 */
export type ClusterEntry =
  | { readonly kind: 'absent' | 'zero'; readonly at?: number; readonly copied: boolean }
  | { readonly kind: 'stored'; readonly at: number; readonly copied: boolean }
  | {
      readonly kind: 'mixed'
      readonly at?: number
      readonly allocated: number
      readonly zeros: number
      readonly copied: boolean
    }
  | { readonly kind: 'packed'; readonly at: number; readonly length: number; readonly copied: boolean }
  | { readonly kind: 'broken'; readonly why: string }

/** What decides the meaning of entries. */
export interface EntryRules {
  readonly version: 2 | 3
  readonly geometry: Geometry
  /** Whether clusters of the disk are in a file of their own. */
  readonly dataFile: boolean
}

/** The upper and lower halves of a standard entry. */
const copiedHigh = 0x8000_0000
const packedHigh = 0x4000_0000
const reservedHigh = 0x3f00_0000
const offsetHigh = 0x00ff_ffff
const offsetLow = 0xffff_fe00
const reservedLow = 0x0000_01fe
const zeroLow = 0x0000_0001
const allSubclusters = 0xffff_ffff

/** The sector in which the size of compressed data is told. */
export const packedSectorBytes = 512

/** Understands entry `index` of a table. Its cluster's place on the disk, where known, must fit that in a data file. */
export function clusterEntry(
  table: Fields,
  index: number,
  diskOffset: number | undefined,
  rules: EntryRules,
): ClusterEntry {
  const { version, geometry, dataFile } = rules
  const place = index * geometry.l2EntryBytes
  const high = table.u32(place)
  const low = table.u32(place + 4)
  const copied = (high & copiedHigh) !== 0
  if ((high & packedHigh) !== 0) {
    if (dataFile) return broken('is compressed, which a data file cannot hold')
    return packedEntry(table.bits64(place), copied, geometry)
  }
  if ((high & reservedHigh) !== 0 || (low & reservedLow) !== 0) return broken('has reserved bits set')
  const host = (high & offsetHigh) * 2 ** 32 + ((low & offsetLow) >>> 0)
  if (host % geometry.clusterBytes !== 0) return broken(`leads to ${host}, where no cluster begins`)
  // Place 0 is the header's, except in a data file; there the flag tells it from no place at all.
  const at = host !== 0 || (dataFile && copied) ? host : undefined
  if (dataFile && at !== undefined && diskOffset !== undefined && at !== diskOffset)
    return broken(`leads to ${at} in the data file, not to the same place as on the disk`)
  const held = { ...(at !== undefined && { at }), copied }
  const zero = (low & zeroLow) !== 0
  if (geometry.extendedL2) {
    if (zero) return broken('has a flag set that extended entries do not have')
    return subclusterEntry(held, table.u32(place + 8), table.u32(place + 12))
  }
  if (zero && version === 2) return broken('has a flag set that version 2 does not have')
  if (zero) return { kind: 'zero', ...held }
  return at === undefined ? { kind: 'absent', ...held } : { kind: 'stored', at, copied }
}

function broken(why: string): ClusterEntry {
  return { kind: 'broken', why }
}

/** Spec: Compressed Clusters Descriptor. */
function packedEntry(bits: bigint, copied: boolean, { clusterBits }: Geometry): ClusterEntry {
  const { offsetBits, sectorBits } = packedLayout(clusterBits)
  const at = Number(BigInt.asUintN(offsetBits, bits))
  const sectors = Number(BigInt.asUintN(sectorBits, bits >> BigInt(offsetBits))) + 1
  return { kind: 'packed', at, length: sectors * packedSectorBytes - (at % packedSectorBytes), copied }
}

/** Widths of the two fields in a compressed cluster descriptor of 62 bits. */
export function packedLayout(clusterBits: number): { readonly offsetBits: number; readonly sectorBits: number } {
  const sectorBits = clusterBits - 8
  return { offsetBits: 62 - sectorBits, sectorBits }
}

/** Spec: Subcluster Allocation Bitmap. Subcluster 0 is the lowest bit of both. */
function subclusterEntry(
  held: { readonly at?: number; readonly copied: boolean },
  zeros: number,
  allocated: number,
): ClusterEntry {
  if ((zeros & allocated) !== 0) return broken('has subclusters that are both stored and zero')
  if (held.at === undefined && allocated !== 0) return broken('has stored subclusters, but no place for them')
  if (held.at !== undefined && allocated === allSubclusters) return { kind: 'stored', at: held.at, copied: held.copied }
  if (zeros === allSubclusters) return { kind: 'zero', ...held }
  if (zeros === 0 && allocated === 0) return { kind: 'absent', ...held }
  return { kind: 'mixed', allocated, zeros, ...held }
}
