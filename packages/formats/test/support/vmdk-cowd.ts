/*
 * Encodes COWD extents, which no tool here can make. Independent of the reader: written from "ESX Server Sparse
 * Extents" of VMware's Virtual Disk Format 1.1 and "The COWD sparse extent data file" of libvmdk's documentation.
 */

const sector = 512
const tableEntries = 4096

/** What to encode. */
export interface CowdOptions {
  readonly grainSectors?: number
  /** Grains that are stored; by default those with a byte that is not zero. */
  readonly isStored?: (grain: number, bytes: Uint8Array) => boolean
  readonly unclean?: boolean
}

/** Encodes a disk as one COWD extent. */
export function encodeCowd(disk: Uint8Array, options: CowdOptions = {}): Uint8Array {
  const { grainSectors = 1, isStored = (_grain, bytes) => bytes.some((byte) => byte !== 0), unclean = false } = options
  const grainBytes = grainSectors * sector
  const grains = Math.ceil(disk.byteLength / grainBytes)
  const directoryEntries = Math.ceil(grains / tableEntries)
  const directorySector = 4
  const directorySectors = Math.ceil((directoryEntries * 4) / sector)
  const parts: { at: number; bytes: Uint8Array }[] = []
  let free = directorySector + directorySectors

  const directory = new DataView(new ArrayBuffer(directorySectors * sector))
  for (let table = 0; table < directoryEntries; table++) {
    const entries = new DataView(new ArrayBuffer(tableEntries * 4))
    const tableSector = free
    let next = tableSector + (tableEntries * 4) / sector
    let used = false
    for (let i = 0; i < tableEntries && table * tableEntries + i < grains; i++) {
      const grain = table * tableEntries + i
      const bytes = disk.subarray(grain * grainBytes, (grain + 1) * grainBytes)
      if (!isStored(grain, bytes)) continue
      used = true
      entries.setUint32(i * 4, next, true)
      parts.push({ at: next * sector, bytes })
      next += grainSectors
    }
    if (!used) continue
    directory.setUint32(table * 4, tableSector, true)
    parts.push({ at: tableSector * sector, bytes: new Uint8Array(entries.buffer) })
    free = next
  }
  const file = new Uint8Array(free * sector)
  const header = new DataView(file.buffer)
  header.setUint32(0, 0x44574f43, true) // COWD
  header.setUint32(4, 1, true) // version
  header.setUint32(8, 3, true) // flags
  header.setUint32(12, disk.byteLength / sector, true) // numSectors
  header.setUint32(16, grainSectors, true)
  header.setUint32(20, directorySector, true)
  header.setUint32(24, directoryEntries, true)
  header.setUint32(28, free, true) // freeSector
  header.setUint32(1060, 1, true) // generation
  header.setUint32(1636, 1, true) // savedGeneration
  header.setUint32(1648, unclean ? 1 : 0, true)
  file.set(new Uint8Array(directory.buffer), directorySector * sector)
  for (const { at, bytes } of parts) file.set(bytes, at)
  return file
}
