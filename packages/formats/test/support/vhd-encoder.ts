import { Buffer } from 'node:buffer'

/*
 * Makes VHDs from the published layout (Virtual Hard Disk Image Format Specification 1.0, 11 October 2006), for what no
 * program here can make. It shares no code with the reader. Sections are named beside what they define.
 */

const sector = 512

/** A block that the file holds: which bits of its bitmap are set, and its data. */
export interface EncodedBlock {
  readonly index: number
  /** @defaultValue every sector */
  readonly sectors?: readonly number[]
  readonly data: Uint8Array
}

/** An entry of the parent locator table. */
export interface EncodedLocator {
  readonly platform: string
  readonly data: Uint8Array
}

/** What a VHD of the encoder is; all of it has a default but the size. */
export interface EncodedVhd {
  readonly sizeBytes: number
  /** Hard Disk Footer Format, "Disk Type": 2 fixed, 3 dynamic, 4 differencing. */
  readonly type?: number
  readonly creator?: string
  readonly geometry?: readonly [number, number, number]
  readonly features?: number
  readonly formatVersion?: number
  readonly uniqueId?: string
  readonly savedState?: number
  readonly timestamp?: number
  readonly blockBytes?: number
  readonly tableEntries?: number
  readonly blocks?: readonly EncodedBlock[]
  /** Puts the table behind the blocks. */
  readonly isTableLast?: boolean
  readonly parent?: {
    readonly uniqueId: string
    readonly timestamp?: number
    readonly name?: string
    readonly locators?: readonly EncodedLocator[]
  }
  /** Bytes of a fixed disk. */
  readonly data?: Uint8Array
  /** 511 for disks of Virtual PC before 2004. */
  readonly footerBytes?: 511 | 512
}

/** A VHD and where its parts are. */
export interface EncodedVhdFile {
  readonly bytes: Uint8Array
  readonly tableAt: number
  readonly footerAt: number
  /** Where blocks begin, by their numbers. */
  readonly blockAt: ReadonlyMap<number, number>
}

/** Hard Disk Footer Format, "Checksum": one's complement of the sum of all other bytes. */
function checksum(bytes: Uint8Array, at: number): number {
  let sum = 0
  bytes.forEach((byte, index) => {
    if (index < at || index > at + 3) sum += byte
  })
  return 0xffff_ffff - sum
}

function uuid(text: string): Buffer {
  return Buffer.from(text.replace(/-/g, ''), 'hex')
}

/** Hard Disk Footer Format. */
function encodeFooter(vhd: EncodedVhd, type: number): Buffer {
  const footer = Buffer.alloc(512)
  const [cylinders, heads, sectors] = vhd.geometry ?? [0, 0, 0]
  footer.write('conectix', 0, 'latin1')
  footer.writeUInt32BE(vhd.features ?? 2, 8)
  footer.writeUInt32BE(vhd.formatVersion ?? 0x0001_0000, 12)
  footer.writeBigUInt64BE(type === 2 ? 0xffff_ffff_ffff_ffffn : 512n, 16)
  footer.writeUInt32BE(vhd.timestamp ?? 0x2000_0000, 24)
  footer.write(vhd.creator ?? 'win ', 28, 'latin1')
  footer.writeUInt32BE(0x0006_0001, 32)
  footer.write('Wi2k', 36, 'latin1')
  footer.writeBigUInt64BE(BigInt(vhd.sizeBytes), 40)
  footer.writeBigUInt64BE(BigInt(vhd.sizeBytes), 48)
  footer.writeUInt16BE(cylinders, 56)
  footer.writeUInt8(heads, 58)
  footer.writeUInt8(sectors, 59)
  footer.writeUInt32BE(type, 60)
  uuid(vhd.uniqueId ?? 'aaaaaaaa-bbbb-4ccc-8ddd-eeeeeeeeeeee').copy(footer, 68)
  footer.writeUInt8(vhd.savedState ?? 0, 84)
  footer.writeUInt32BE(checksum(footer, 64), 64)
  return footer
}

/** Block Allocation Table and Data Blocks: the bitmap has the first sector in the highest bit of the first byte. */
function encodeBlock({ sectors, data }: EncodedBlock, blockBytes: number): Buffer {
  const bitmap = Buffer.alloc(Math.ceil(blockBytes / sector / 8 / sector) * sector, sectors === undefined ? 0xff : 0)
  for (const one of sectors ?? []) bitmap.writeUInt8(bitmap.readUInt8(one >> 3) | (128 >> (one % 8)), one >> 3)
  return Buffer.concat([bitmap, data, Buffer.alloc(blockBytes - data.byteLength)])
}

/** No `Buffer`: what slices of those share with them would be altered by the tests. */
function joined(parts: readonly Uint8Array[]): Uint8Array {
  return new Uint8Array(Buffer.concat(parts))
}

/** Makes a fixed, dynamic or differencing disk. */
export function encodeVhd(vhd: EncodedVhd): EncodedVhdFile {
  const type = vhd.type ?? (vhd.data !== undefined ? 2 : vhd.parent === undefined ? 3 : 4)
  const footer = encodeFooter(vhd, type)
  const last = footer.subarray(0, vhd.footerBytes ?? 512)
  if (vhd.data !== undefined)
    return { bytes: joined([vhd.data, last]), tableAt: 0, footerAt: vhd.data.byteLength, blockAt: new Map() }
  const blockBytes = vhd.blockBytes ?? 4096
  const entries = vhd.tableEntries ?? Math.ceil(vhd.sizeBytes / blockBytes)
  const table = Buffer.alloc(Math.ceil((entries * 4) / sector) * sector, 0xff)
  const locators = (vhd.parent?.locators ?? []).map(({ platform, data }) => ({
    platform,
    length: data.byteLength,
    bytes: Buffer.concat([data, Buffer.alloc((sector - (data.byteLength % sector)) % sector)]),
  }))
  let at = 512 + 1024 + (vhd.isTableLast ? 0 : table.byteLength)
  const locatorAt = locators.map(({ bytes }) => {
    at += bytes.byteLength
    return at - bytes.byteLength
  })
  const blockAt = new Map<number, number>()
  const encodedBlocks = (vhd.blocks ?? []).map((block) => {
    const bytes = encodeBlock(block, blockBytes)
    blockAt.set(block.index, at)
    table.writeUInt32BE(at / sector, block.index * 4)
    at += bytes.byteLength
    return bytes
  })
  const tableAt = vhd.isTableLast ? at : 1536
  const parts = [...locators.map(({ bytes }) => bytes), ...encodedBlocks]

  // Dynamic Disk Header Format.
  const header = Buffer.alloc(1024)
  header.write('cxsparse', 0, 'latin1')
  header.fill(0xff, 8, 16)
  header.writeBigUInt64BE(BigInt(tableAt), 16)
  header.writeUInt32BE(0x0001_0000, 24)
  header.writeUInt32BE(entries, 28)
  header.writeUInt32BE(blockBytes, 32)
  if (vhd.parent !== undefined) {
    uuid(vhd.parent.uniqueId).copy(header, 40)
    header.writeUInt32BE(vhd.parent.timestamp ?? 0, 56)
    for (const [index, letter] of [...(vhd.parent.name ?? '')].entries())
      header.writeUInt16BE(letter.charCodeAt(0), 64 + 2 * index)
    for (const [index, { platform, length, bytes }] of locators.entries()) {
      const entry = 576 + 24 * index
      header.write(platform, entry, 'latin1')
      header.writeUInt32BE(bytes.byteLength / sector, entry + 4)
      header.writeUInt32BE(length, entry + 8)
      header.writeBigUInt64BE(BigInt(locatorAt[index] ?? 0), entry + 16)
    }
  }
  header.writeUInt32BE(checksum(header, 36), 36)
  const bytes = joined(
    vhd.isTableLast ? [footer, header, ...parts, table, last] : [footer, header, table, ...parts, last],
  )
  return { bytes, tableAt, footerAt: bytes.byteLength - last.byteLength, blockAt }
}

/** Makes the checksums of the footers and the header right again, where they are in files of the encoder. */
export function sealVhd(bytes: Uint8Array): void {
  const seal = (from: number, length: number, at: number) => {
    const structure = bytes.subarray(from, from + length)
    new DataView(structure.buffer, structure.byteOffset).setUint32(at, checksum(structure, at))
  }
  const isLegacy = Buffer.from(bytes.subarray(-511)).toString('latin1', 0, 8) === 'conectix'
  const footerAt = bytes.byteLength - (isLegacy ? 511 : 512)
  seal(footerAt, bytes.byteLength - footerAt, 64)
  if (bytes[footerAt + 63] === 2) return
  seal(0, 512, 64)
  seal(512, 1024, 36)
}

/** Makes a child of a dynamic parent by another program, which holds the given sectors. */
export function encodeChild(
  parent: Uint8Array,
  sectors: ReadonlyMap<number, Uint8Array>,
  names: { readonly relative: string; readonly absolute: string; readonly name: string },
): Uint8Array {
  const footer = Buffer.from(parent.subarray(0, 512))
  const blockBytes = Buffer.from(parent.subarray(512, 1536)).readUInt32BE(32)
  const perBlock = blockBytes / sector
  const blocks = new Map<number, { sectors: number[]; data: Uint8Array }>()
  for (const [number, bytes] of sectors) {
    const index = Math.floor(number / perBlock)
    const block = blocks.get(index) ?? { sectors: [], data: new Uint8Array(blockBytes) }
    block.sectors.push(number % perBlock)
    block.data.set(bytes, (number % perBlock) * sector)
    blocks.set(index, block)
  }
  return encodeVhd({
    sizeBytes: Number(footer.readBigUInt64BE(48)),
    creator: footer.toString('latin1', 28, 32),
    geometry: [footer.readUInt16BE(56), footer.readUInt8(58), footer.readUInt8(59)],
    uniqueId: 'cccccccc-1111-4222-8333-444444444444',
    blockBytes,
    blocks: [...blocks].map(([index, block]) => ({ index, ...block })),
    parent: {
      uniqueId: footer.toString('hex', 68, 84),
      timestamp: footer.readUInt32BE(24),
      name: names.name,
      locators: [
        { platform: 'W2ru', data: Buffer.from(names.relative, 'utf16le') },
        { platform: 'W2ku', data: Buffer.from(names.absolute, 'utf16le') },
      ],
    },
  }).bytes
}
