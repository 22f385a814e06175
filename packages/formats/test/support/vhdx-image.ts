/**
 * Encodes VHDX files from [MS-VHDX] v20240423, apart from the package: for vectors that no tool makes, and for damage.
 * Regions of a mebibyte each follow the headers; nothing behind the last byte that is needed is kept.
 */

const mebibyte = 2 ** 20
const headerPlaces = [64 * 1024, 128 * 1024]
const regionPlaces = [192 * 1024, 256 * 1024]
const ids = {
  bat: '2dc27766-f623-4200-9d64-115e9bfd4a08',
  metadata: '8b7ca206-4790-4b9a-b8fe-575f050f886e',
  fileParameters: 'caa16737-fa36-4d43-b3b6-33f0aa44e76b',
  virtualDiskSize: '2fa54224-cd1b-4876-b211-5dbed83bf4b8',
  virtualDiskId: 'beca12ab-b2e6-4523-93ef-c309e000c746',
  logicalSectorSize: '8141bf1d-a96f-4709-ba47-f233a8faab5f',
  physicalSectorSize: 'cda348c7-445d-4471-9cc9-e9885251c556',
  parentLocator: 'a8d35f2d-b30b-454d-abf7-d3d84834ab0c',
  vhdxParent: 'b04aefb7-d19e-4a81-b789-25b8e9445913',
}

/** A payload block: its state, and its bytes when it has any. Given bits, only those sectors are this file's. */
export interface BlockSpec {
  readonly block: number
  readonly state: number
  readonly data?: Uint8Array
  readonly sectors?: readonly number[]
}

/** What to encode. */
export interface VhdxSpec {
  readonly diskBytes: number
  readonly blockBytes?: number
  readonly sectorBytes?: number
  /** 1: blocks stay allocated, 2: has a parent (2.6.2.1). */
  readonly flags?: number
  readonly dataWriteId?: string
  /** Keys and values of a parent locator. */
  readonly locator?: readonly (readonly [string, string])[]
  readonly blocks?: readonly BlockSpec[]
  /** Bytes of the log, none by default. */
  readonly logBytes?: number
  /** Metadata items beside the known ones, with their flags. */
  readonly items?: readonly { readonly id: string; readonly flags: number; readonly bytes: Uint8Array }[]
  /** Regions beside the known ones, with the mebibyte at which each begins; they lie over nothing by themselves. */
  readonly regions?: readonly { readonly id: string; readonly mebibyte: number; readonly required: number }[]
}

/** A file, and where in it things are. */
export interface VhdxVector {
  readonly bytes: Uint8Array
  readonly batAt: number
  readonly metadataAt: number
  readonly logAt: number
  /** Where the data of each block went. */
  readonly placeOf: (block: number) => number
}

/** Encodes a file. */
export function vhdxImage(spec: VhdxSpec): VhdxVector {
  const { diskBytes, blockBytes = mebibyte, sectorBytes = 512, blocks = [], logBytes = 0, flags = 0 } = spec
  const batAt = mebibyte + logBytes
  const metadataAt = batAt + mebibyte
  const ratio = (2 ** 23 * sectorBytes) / blockBytes
  const parts: { readonly at: number; readonly bytes: Uint8Array }[] = []
  let end = metadataAt + mebibyte + (spec.regions?.length ?? 0) * mebibyte
  const add = (bytes: Uint8Array) => {
    const at = end
    parts.push({ at, bytes })
    end = at + Math.ceil(bytes.byteLength / mebibyte) * mebibyte
    return at
  }
  const bat = new Uint8Array(mebibyte)
  const entries = view(bat)
  const places = new Map<number, number>()
  const bitmaps = new Map<number, Uint8Array>()
  for (const { block, sectors = [] } of blocks) {
    for (const sector of sectors) {
      const chunk = Math.floor(block / ratio)
      const bits = bitmaps.get(chunk) ?? new Uint8Array(mebibyte)
      bitmaps.set(chunk, bits)
      const bit = (block % ratio) * (blockBytes / sectorBytes) + sector
      bits[bit >> 3]! |= 1 << (bit & 7)
    }
  }
  for (const [chunk, bits] of bitmaps)
    entries.setBigUint64(((chunk + 1) * (ratio + 1) - 1) * 8, BigInt(add(bits)) | 6n, true)
  for (const { block, state, data } of blocks) {
    const at = data === undefined ? 0 : add(data)
    places.set(block, at)
    entries.setBigUint64((block + Math.floor(block / ratio)) * 8, BigInt(at) | BigInt(state), true)
  }
  const last = parts.at(-1)
  const bytes = new Uint8Array(last === undefined ? end : last.at + last.bytes.byteLength)
  bytes.set(utf16('vhdx vector'), 8)
  bytes.set(ascii('vhdxfile'), 0)
  for (const [index, at] of headerPlaces.entries())
    bytes.set(encodeHeader(index + 1, spec.dataWriteId, logBytes === 0 ? 0 : mebibyte, logBytes), at)
  const regions = [
    { id: ids.bat, mebibyte: batAt / mebibyte, required: 1 },
    { id: ids.metadata, mebibyte: metadataAt / mebibyte, required: 1 },
    ...(spec.regions ?? []),
  ]
  for (const at of regionPlaces) bytes.set(encodeRegions(regions), at)
  bytes.set(bat, batAt)
  bytes.set(encodeMetadata(spec, { blockBytes, sectorBytes, flags, diskBytes }), metadataAt)
  for (const part of parts) bytes.set(part.bytes, part.at)
  sealVhdx(bytes)
  return { bytes, batAt, metadataAt, logAt: mebibyte, placeOf: (block) => places.get(block) ?? 0 }
}

/** The data write GUID of a file's current header: what a child must name. */
export function dataWriteIdOf(bytes: Uint8Array): string {
  return readGuid(bytes, currentHeader(bytes) + 32)
}

/** Where the header is that counts: the one with the greater sequence number. */
export function currentHeader(bytes: Uint8Array): number {
  const [first = 0, second = 0] = headerPlaces
  const sequence = (at: number) => view(bytes).getBigUint64(at + 8, true)
  return sequence(second) > sequence(first) ? second : first
}

/** Where a region begins, by its GUID. */
export function regionAt(bytes: Uint8Array, which: 'bat' | 'metadata'): number {
  const [table = 0] = regionPlaces
  const count = view(bytes).getUint32(table + 8, true)
  for (let at = table + 16; at < table + 16 + 32 * count; at += 32)
    if (readGuid(bytes, at) === ids[which]) return Number(view(bytes).getBigUint64(at + 16, true))
  throw new Error(`no ${which} region`)
}

/** `loge` */
const loge = 0x6c6f_6765

/** Makes every checksum right: of headers, region tables, and whatever looks like a log entry. */
export function sealVhdx(bytes: Uint8Array): void {
  for (const at of headerPlaces) sealStructure(bytes, at, 4096)
  for (const at of regionPlaces) sealStructure(bytes, at, 64 * 1024)
  if (bytes.byteLength < 2 * mebibyte) return
  const header = currentHeader(bytes)
  const offset = Number(view(bytes).getBigUint64(header + 72, true))
  const length = view(bytes).getUint32(header + 68, true)
  if (offset > bytes.byteLength - length || length > 4 * mebibyte) return
  for (let at = offset; at + 4096 <= offset + length; at += 4096) {
    if (view(bytes).getUint32(at, false) !== loge) continue
    const entryBytes = view(bytes).getUint32(at + 8, true)
    if (entryBytes === 0 || entryBytes > length) continue
    const ring = bytes.subarray(offset, offset + length)
    const entry = new Uint8Array(entryBytes)
    for (let i = 0; i < entryBytes; i++) entry[i] = ring[(at - offset + i) % length] ?? 0
    sealStructure(entry, 0, entryBytes)
    bytes.set(entry.subarray(4, 8), at + 4)
  }
}

/** Writes the checksum of a structure into it: all have it in their bytes 4 to 7, taken as zero while it is computed. */
export function sealStructure(bytes: Uint8Array, at: number, length: number): void {
  const part = bytes.subarray(at, at + length)
  if (part.byteLength < 8) return
  part.fill(0, 4, 8)
  view(part).setUint32(4, simpleCrc32c(part), true)
}

/** CRC-32C, a byte at a time. */
export function simpleCrc32c(bytes: Uint8Array): number {
  let crc = 0xffff_ffff
  for (const byte of bytes) crc = (crc >>> 8) ^ (crcTable[(crc ^ byte) & 0xff] ?? 0)
  return (crc ^ 0xffff_ffff) >>> 0
}

const crcTable = Uint32Array.from({ length: 256 }, (_, byte) => {
  let crc = byte
  for (let bit = 0; bit < 8; bit++) crc = (crc & 1) === 1 ? (crc >>> 1) ^ 0x82f6_3b78 : crc >>> 1
  return crc
})

function encodeHeader(sequence: number, dataWriteId = guidOf(0xd1), logAt: number, logBytes: number): Uint8Array {
  const bytes = new Uint8Array(4096)
  const header = view(bytes)
  bytes.set(ascii('head'))
  header.setBigUint64(8, BigInt(sequence), true)
  bytes.set(guidBytes(guidOf(0xf1)), 16)
  bytes.set(guidBytes(dataWriteId), 32)
  header.setUint16(66, 1, true)
  header.setUint32(68, logBytes, true)
  header.setBigUint64(72, BigInt(logAt), true)
  return bytes
}

function encodeRegions(regions: readonly { id: string; mebibyte: number; required: number }[]): Uint8Array {
  const bytes = new Uint8Array(64 * 1024)
  const table = view(bytes)
  bytes.set(ascii('regi'))
  table.setUint32(8, regions.length, true)
  for (const [index, region] of regions.entries()) {
    const at = 16 + 32 * index
    bytes.set(guidBytes(region.id), at)
    table.setBigUint64(at + 16, BigInt(region.mebibyte * mebibyte), true)
    table.setUint32(at + 24, mebibyte, true)
    table.setUint32(at + 28, region.required, true)
  }
  return bytes
}

function encodeMetadata(
  { locator, items: others = [] }: VhdxSpec,
  numbers: { blockBytes: number; sectorBytes: number; flags: number; diskBytes: number },
): Uint8Array {
  const items = [
    { id: ids.fileParameters, flags: 4, bytes: words(numbers.blockBytes, numbers.flags) },
    {
      id: ids.virtualDiskSize,
      flags: 6,
      bytes: words(numbers.diskBytes % 2 ** 32, Math.floor(numbers.diskBytes / 2 ** 32)),
    },
    { id: ids.virtualDiskId, flags: 6, bytes: guidBytes(guidOf(0x1d)) },
    { id: ids.logicalSectorSize, flags: 6, bytes: words(numbers.sectorBytes) },
    { id: ids.physicalSectorSize, flags: 6, bytes: words(4096) },
    ...(locator === undefined ? [] : [{ id: ids.parentLocator, flags: 4, bytes: encodeLocator(locator) }]),
    ...others,
  ]
  const bytes = new Uint8Array(mebibyte)
  bytes.set(ascii('metadata'))
  view(bytes).setUint16(10, items.length, true)
  let offset = 64 * 1024
  for (const [index, item] of items.entries()) {
    const at = 32 + 32 * index
    bytes.set(guidBytes(item.id), at)
    bytes.set(words(item.bytes.byteLength === 0 ? 0 : offset, item.bytes.byteLength, item.flags), at + 16)
    bytes.set(item.bytes, offset)
    offset += item.bytes.byteLength
  }
  return bytes
}

function encodeLocator(pairs: readonly (readonly [string, string])[]): Uint8Array {
  const head = new Uint8Array(20 + 12 * pairs.length)
  head.set(guidBytes(ids.vhdxParent))
  view(head).setUint16(18, pairs.length, true)
  const texts: number[] = []
  for (const [index, [key, value]] of pairs.entries()) {
    const at = 20 + 12 * index
    const [keyBytes, valueBytes] = [utf16(key), utf16(value)]
    head.set(words(head.byteLength + texts.length, head.byteLength + texts.length + keyBytes.byteLength), at)
    view(head).setUint16(at + 8, keyBytes.byteLength, true)
    view(head).setUint16(at + 10, valueBytes.byteLength, true)
    texts.push(...keyBytes, ...valueBytes)
  }
  return Uint8Array.from([...head, ...texts])
}

/** A GUID that is all one byte. */
export function guidOf(byte: number): string {
  const pair = byte.toString(16).padStart(2, '0')
  return [4, 2, 2, 2, 6].map((count) => pair.repeat(count)).join('-')
}

/** The bytes of a GUID in a file: the first three groups are numbers and lie with their lowest byte first. */
export function guidBytes(text: string): Uint8Array {
  const [a = '', b = '', c = '', ...rest] = text.split('-').map((group) => group.match(/../g) ?? [])
  return Uint8Array.from([...[a, b, c].flatMap((group) => [...group].reverse()), ...rest.flat()], (pair) =>
    Number.parseInt(pair, 16),
  )
}

/** Reads a GUID as text. */
export function readGuid(bytes: Uint8Array, at: number): string {
  const pairs = Array.from(bytes.subarray(at, at + 16), (byte) => byte.toString(16).padStart(2, '0'))
  const groups = [pairs.slice(0, 4).reverse(), pairs.slice(4, 6).reverse(), pairs.slice(6, 8).reverse()]
  return [...groups, pairs.slice(8, 10), pairs.slice(10)].map((group) => group.join('')).join('-')
}

function view(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
}

function words(...values: readonly number[]): Uint8Array {
  const bytes = new Uint8Array(4 * values.length)
  for (const [index, value] of values.entries()) view(bytes).setUint32(4 * index, value, true)
  return bytes
}

function ascii(text: string): Uint8Array {
  return Uint8Array.from(text, (letter) => letter.charCodeAt(0))
}

function utf16(text: string): Uint8Array {
  const bytes = new Uint8Array(2 * text.length)
  for (let i = 0; i < text.length; i++) view(bytes).setUint16(2 * i, text.charCodeAt(i), true)
  return bytes
}
