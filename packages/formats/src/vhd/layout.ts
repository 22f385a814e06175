/** VHD counts in sectors of this many bytes, whatever the disk beneath has (Introduction, "Sector Length"). */
export const sectorBytes = 512

/** Length of the footer and of its copy at the start of the file (Hard Disk Footer Format). */
export const footerBytes = 512

/** Length of the header of dynamic and differencing disks (Dynamic Disk Header Format). */
export const headerBytes = 1024

/** One entry of the block allocation table. */
export const entryBytes = 4

/** Entry of a block that is not in the file (Block Allocation Table and Data Blocks). */
export const unusedEntry = 0xffff_ffff

/** Largest disk (Overview, "Dynamic Hard Disk Image"); hypervisors hold fixed ones to it as well. */
export const largestDiskBytes = 2040 * 2 ** 30

/** Length of the bitmap before the data of a block: a bit for each sector, padded to a sector. */
export function bitmapBytesOf(blockBytes: number): number {
  return roundUp(blockBytes / sectorBytes / 8, sectorBytes)
}

/** Rounds up to a multiple of `step`. */
export function roundUp(value: number, step: number): number {
  return Math.ceil(value / step) * step
}

/** "One's complement of the sum of all the bytes in the structure, without the checksum field." */
export function checksumOf(bytes: Uint8Array, fieldAt: number): number {
  let sum = 0
  for (const [at, byte] of bytes.entries()) if (at < fieldAt || at >= fieldAt + 4) sum += byte
  return ~sum >>> 0
}
