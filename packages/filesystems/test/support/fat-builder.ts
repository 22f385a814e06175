/** A FAT32 volume made by hand, for what no program makes: sectors and clusters of 512 bytes. */
export interface FatBuilder {
  readonly bytes: Uint8Array
  readonly setNext: (cluster: number, next: number) => void
  /** Puts entries of 32 bytes into the root directory, which is cluster 2. */
  readonly setRoot: (...entries: readonly Uint8Array[]) => void
  readonly clusterAt: (cluster: number) => number
}

const end = 0xfff_ffff

/** Makes an empty volume with room for `clusters`. */
export function fatBuilder(clusters: number): FatBuilder {
  const tableSectors = Math.ceil(((clusters + 2) * 4) / 512)
  const dataAt = (1 + tableSectors) * 512
  const bytes = new Uint8Array(dataAt + clusters * 512)
  const view = new DataView(bytes.buffer)
  bytes.set([0xeb, 0x58, 0x90])
  view.setUint16(11, 512, true)
  bytes[13] = 1
  view.setUint16(14, 1, true)
  bytes[16] = 1
  bytes[21] = 0xf8
  view.setUint32(32, bytes.byteLength / 512, true)
  view.setUint32(36, tableSectors, true)
  view.setUint32(44, 2, true)
  const setNext = (cluster: number, next: number) => view.setUint32(512 + cluster * 4, next, true)
  const clusterAt = (cluster: number) => dataAt + (cluster - 2) * 512
  setNext(0, 0xfff_fff8)
  setNext(1, end)
  setNext(2, end)
  return {
    bytes,
    setNext,
    setRoot: (...entries) => {
      for (const [i, entry] of entries.entries()) bytes.set(entry, clusterAt(2) + i * 32)
    },
    clusterAt,
  }
}

/** An entry with a short name. */
export function shortEntry(
  name: string,
  {
    attributes = 0x20,
    cluster = 0,
    sizeBytes = 0,
    flags = 0,
  }: {
    readonly attributes?: number
    readonly cluster?: number
    readonly sizeBytes?: number
    readonly flags?: number
  } = {},
): Uint8Array {
  const entry = new Uint8Array(32)
  const view = new DataView(entry.buffer)
  entry.set(Array.from(name.padEnd(11), (character) => character.charCodeAt(0)))
  entry[11] = attributes
  entry[12] = flags
  view.setUint16(20, cluster >>> 16, true)
  view.setUint16(26, cluster & 0xffff, true)
  view.setUint32(28, sizeBytes, true)
  return entry
}

/** The entries of a long name, in the order in which they stand before their short one. */
export function longEntries(name: string, shortName: string, sumOffset = 0): Uint8Array[] {
  let sum = 0
  for (const character of shortName.padEnd(11)) sum = (((sum & 1) << 7) + (sum >> 1) + character.charCodeAt(0)) & 0xff
  const characters = [1, 3, 5, 7, 9, 14, 16, 18, 20, 22, 24, 28, 30]
  const parts = Math.ceil(name.length / 13)
  return Array.from({ length: parts }, (_, i) => {
    const part = parts - i
    const entry = new Uint8Array(32)
    const view = new DataView(entry.buffer)
    entry[0] = part | (i === 0 ? 0x40 : 0)
    entry[11] = 0x0f
    entry[13] = (sum + sumOffset) & 0xff
    for (const [j, at] of characters.entries()) {
      const place = (part - 1) * 13 + j
      view.setUint16(at, place < name.length ? name.charCodeAt(place) : place === name.length ? 0 : 0xffff, true)
    }
    return entry
  })
}
