/*
 * Encodes seSparse extents, which no tool here can make. VMware publishes no layout. Independent of the reader:
 * written from the structures and comments of QEMU's block/vmdk.c (VMDKSESparseConstHeader, vmdk_open_se_sparse,
 * get_cluster_offset), whose reader was tried with disks of ESXi.
 */

const sector = 512
const grainBytes = 4096
const tableEntries = 4096
const tableBytes = 32_768

/** What an entry says of a grain. */
export type SeSparseGrain = 'unallocated' | 'unmapped' | 'zero' | 'allocated'

/** What to encode. */
export interface SeSparseOptions {
  readonly stateOf?: (grain: number, bytes: Uint8Array) => SeSparseGrain
  /** Number of the first stored grain: from 4096 on, entries use both parts of the number. */
  readonly firstGrain?: number
  /** Says that the journal must be replayed. */
  readonly dirty?: boolean
}

const states: Readonly<Record<SeSparseGrain, bigint>> = {
  unallocated: 0n,
  unmapped: 1n << 60n,
  zero: 2n << 60n,
  allocated: 3n << 60n,
}

/** Encodes a disk as one seSparse extent. */
export function encodeSeSparse(disk: Uint8Array, options: SeSparseOptions = {}): Uint8Array {
  const { firstGrain = 0, dirty = false } = options
  const { stateOf = (_grain, bytes) => (bytes.some((byte) => byte !== 0) ? 'allocated' : 'unallocated') } = options
  const grains = Math.ceil(disk.byteLength / grainBytes)
  const tables = Math.ceil(grains / tableEntries)
  const directorySectors = Math.ceil((tables * 8) / sector)
  const directorySector = 16
  const tablesSector = directorySector + directorySectors

  const directory = new DataView(new ArrayBuffer(directorySectors * sector))
  const encoded: DataView[] = []
  const stored: { readonly number: number; readonly bytes: Uint8Array }[] = []
  // The last table of the disk comes first in the file, so that numbers of tables matter.
  for (let table = tables - 1; table >= 0; table--) {
    const entries = new DataView(new ArrayBuffer(tableBytes))
    let used = false
    for (let i = 0; i < tableEntries && table * tableEntries + i < grains; i++) {
      const grain = table * tableEntries + i
      const bytes = disk.subarray(grain * grainBytes, (grain + 1) * grainBytes)
      const state = stateOf(grain, bytes)
      if (state === 'unallocated') continue
      used = true
      let entry = states[state]
      if (state === 'allocated') {
        const number = firstGrain + stored.length
        stored.push({ number, bytes })
        entry |= (BigInt(number & 0xfff) << 48n) | BigInt(number >>> 12)
      }
      entries.setBigUint64(i * 8, entry, true)
    }
    if (!used) continue
    directory.setBigUint64(table * 8, (1n << 60n) | BigInt(encoded.length), true)
    encoded.push(entries)
  }
  const tablesSectors = encoded.length * (tableBytes / sector)
  const grainsSector = tablesSector + tablesSectors
  const grainCount = firstGrain + stored.length
  const file = new Uint8Array((grainsSector + grainCount * 8) * sector)
  const header = new DataView(file.buffer)
  const fields: readonly (readonly [at: number, value: bigint | number])[] = [
    [0, 0xcafebabe],
    [8, 0x2_0000_0001n],
    [16, disk.byteLength / sector],
    [24, 8],
    [32, 64],
    [40, 0],
    [80, 1], // volatile header
    [88, 1],
    [96, 2], // journal header
    [104, 2],
    [112, 4], // journal
    [120, 12],
    [128, directorySector],
    [136, directorySectors],
    [144, tablesSector],
    [152, tablesSectors],
    [192, grainsSector],
    [200, grainCount * 8],
  ]
  for (const [at, value] of fields) header.setBigUint64(at, BigInt(value), true)
  header.setBigUint64(sector, 0xcafecafen, true)
  header.setBigUint64(sector + 24, dirty ? 1n : 0n, true)
  file.set(new Uint8Array(directory.buffer), directorySector * sector)
  encoded.forEach((table, i) => file.set(new Uint8Array(table.buffer), tablesSector * sector + i * tableBytes))
  for (const { number, bytes } of stored) file.set(bytes, grainsSector * sector + number * grainBytes)
  return file
}
