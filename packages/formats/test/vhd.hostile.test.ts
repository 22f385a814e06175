import { Buffer } from 'node:buffer'
import { describe, expect, it } from 'vitest'
import { openImage } from '../src/image/open-image.js'
import { vhdCodec } from '../src/vhd/index.js'
import { describeHostile, type HostileSeed } from './support/hostile.js'
import { memoryFile } from './support/memory-file.js'
import { type EncodedVhd, type EncodedVhdFile, encodeVhd, sealVhd } from './support/vhd-encoder.js'
import { vhdFields } from './support/vhd-fields.js'

const parentId = '11111111-2222-4333-8444-555555555555'
const text = (value: string) => Buffer.from(value, 'utf16le')
const filled = (length: number, value: number) => new Uint8Array(length).fill(value)

const base = encodeVhd({ sizeBytes: 200_192, uniqueId: parentId, blocks: [{ index: 0, data: filled(4096, 9) }] })

const child = encodeVhd({
  sizeBytes: 200_192,
  parent: {
    uniqueId: parentId,
    name: 'base.vhd',
    locators: [
      { platform: 'W2ru', data: text('.\\base.vhd') },
      { platform: 'W2ku', data: text('C:\\disks\\base.vhd') },
      { platform: 'MacX', data: Buffer.from('file://localhost/disks/base.vhd') },
      { platform: 'Wi2r', data: Buffer.from('.\\base.vhd') },
    ],
  },
  blocks: [
    { index: 0, sectors: [0, 2, 3, 7], data: filled(4096, 1) },
    { index: 5, sectors: [], data: filled(4096, 2) },
    { index: 48, sectors: [0, 1], data: filled(2048, 3) },
  ],
})

const dynamic = encodeVhd({
  sizeBytes: 3 * 2 ** 20,
  blockBytes: 65_536,
  isTableLast: true,
  blocks: [7, 0, 47].map((index) => ({ index, data: filled(65_536, index + 1) })),
})

const fixed = encodeVhd({ sizeBytes: 100_352, data: filled(100_352, 5) })
const legacy = encodeVhd({ sizeBytes: 100_352, data: filled(100_352, 5), footerBytes: 511 })

function seedOf(name: string, { bytes, tableAt, footerAt, blockAt }: EncodedVhdFile, isFixed = false): HostileSeed {
  const bitmaps = [...blockAt.values()].map((offset) => ({ offset, length: 512 }))
  return {
    name,
    bytes,
    others: { '.\\base.vhd': base.bytes },
    structures: [
      { offset: footerAt, length: bytes.byteLength - footerAt },
      ...(isFixed ? [] : [{ offset: 0, length: 1536 }, { offset: tableAt, length: 256 }, ...bitmaps]),
    ],
    seal: sealVhd,
  }
}

describeHostile({
  name: 'vhd',
  codec: vhdCodec,
  seeds: async () => [
    seedOf('differencing', child),
    seedOf('dynamic', dynamic),
    seedOf('fixed', fixed, true),
    seedOf('legacy', legacy, true),
  ],
  fields: vhdFields(child),
})

/** Alters an image of the encoder; the checksums are made right again. */
function altered({ bytes }: EncodedVhdFile, alter: (bytes: Buffer) => void): Buffer {
  const copy = Buffer.from(bytes)
  alter(copy)
  sealVhd(copy)
  return copy
}

/** Both copies of the footer. */
function inFooters(bytes: Buffer, change: (footer: Buffer) => void): void {
  change(bytes.subarray(0, 512))
  change(bytes.subarray(bytes.byteLength - 512))
}

/** Opens an image and reads all of it. */
async function readAll(bytes: Uint8Array): Promise<void> {
  const open = async (name: string) => (name === '.\\base.vhd' ? memoryFile(name, base.bytes).named() : undefined)
  await using image = await openImage(memoryFile('disk.vhd', bytes).named(), {
    codecs: [vhdCodec],
    open,
    format: 'vhd',
  })
  for await (const { length } of image.extents()) expect(length).toBeGreaterThan(0)
  await image.read(0, new Uint8Array(image.sizeBytes))
}

describe('vhd: rules', () => {
  const header = 512
  const refused: readonly (readonly [string, string, Uint8Array, RegExp])[] = [
    ['a file without room for a footer', 'corrupt', Buffer.alloc(510), /no room/],
    ['a file without a footer', 'corrupt', Buffer.alloc(4096), /no cookie/],
    [
      'a fixed disk whose footer has a wrong checksum',
      'corrupt',
      Buffer.from(fixed.bytes.map((byte, at) => (at === fixed.footerAt + 24 ? byte ^ 1 : byte))),
      /checksum/,
    ],
    [
      'a fixed disk with a copy of its footer at the start only',
      'corrupt',
      Buffer.concat([fixed.bytes.subarray(-512), Buffer.alloc(4096)]),
      /fixed disk has no copy/,
    ],
    [
      'a footer of version 2',
      'unsupported',
      altered(fixed, (bytes) => bytes.writeUInt32BE(0x0002_0000, fixed.footerAt + 12)),
      /version 2\.0/,
    ],
    [
      'unknown features',
      'unsupported',
      altered(fixed, (bytes) => bytes.writeUInt32BE(0x12, fixed.footerAt + 8)),
      /features 12/,
    ],
    [
      'disk type none',
      'corrupt',
      altered(dynamic, (bytes) => inFooters(bytes, (footer) => footer.writeUInt32BE(0, 60))),
      /none/,
    ],
    [
      'a reserved disk type',
      'unsupported',
      altered(dynamic, (bytes) => inFooters(bytes, (footer) => footer.writeUInt32BE(6, 60))),
      /disk type 6/,
    ],
    [
      'a fixed disk larger than its file',
      'corrupt',
      altered(fixed, (bytes) => bytes.writeBigUInt64BE(200_704n, fixed.footerAt + 48)),
      /only 100352/,
    ],
    [
      'a disk of more than 2040 GiB',
      'limit',
      encodeVhd({ sizeBytes: 2040 * 2 ** 30 + 512, blockBytes: 2 ** 31 }).bytes,
      /at most/,
    ],
    [
      'a disk of more than any number',
      'corrupt',
      altered(dynamic, (bytes) => inFooters(bytes, (footer) => footer.fill(0xff, 48, 56))),
      /more than any disk/,
    ],
    [
      'a header that lies on the copy of the footer',
      'corrupt',
      altered(dynamic, (bytes) => inFooters(bytes, (footer) => footer.writeBigUInt64BE(511n, 16))),
      /header is at 511/,
    ],
    [
      'a header past the end',
      'corrupt',
      altered(dynamic, (bytes) => inFooters(bytes, (footer) => footer.writeBigUInt64BE(2n ** 60n, 16))),
      /where none can be/,
    ],
    [
      'a header without its cookie',
      'corrupt',
      altered(dynamic, (bytes) => bytes.fill(0, header, header + 8)),
      /cxsparse/,
    ],
    [
      'a header with a wrong checksum',
      'corrupt',
      Buffer.from(dynamic.bytes.map((byte, at) => (at === header + 56 ? byte ^ 1 : byte))),
      /header has the checksum/,
    ],
    [
      'a header of version 2',
      'unsupported',
      altered(dynamic, (bytes) => bytes.writeUInt32BE(0x0002_0000, header + 24)),
      /version 2\.0/,
    ],
    ['blocks of no bytes', 'corrupt', altered(dynamic, (bytes) => bytes.writeUInt32BE(0, header + 32)), /blocks of 0/],
    [
      'blocks smaller than a sector',
      'corrupt',
      altered(dynamic, (bytes) => bytes.writeUInt32BE(256, header + 32)),
      /blocks of 256/,
    ],
    [
      'blocks of no power of two',
      'corrupt',
      altered(dynamic, (bytes) => bytes.writeUInt32BE(3 * 65_536, header + 32)),
      /power of two/,
    ],
    [
      'a table too small for the disk',
      'corrupt',
      altered(dynamic, (bytes) => bytes.writeUInt32BE(47, header + 28)),
      /too few/,
    ],
    [
      'a table past the end of the file',
      'corrupt',
      altered(dynamic, (bytes) => bytes.writeUInt32BE(0xffff_ffff, header + 28)),
      /not within/,
    ],
    [
      'a table on the copy of the footer',
      'corrupt',
      altered(dynamic, (bytes) => bytes.writeBigUInt64BE(0n, header + 16)),
      /lies on a footer or the header/,
    ],
    [
      'a table on the header',
      'corrupt',
      altered(dynamic, (bytes) => bytes.writeBigUInt64BE(1024n, header + 16)),
      /lies on a footer or the header/,
    ],
    [
      'a table on the footer',
      'corrupt',
      altered(dynamic, (bytes) => bytes.writeBigUInt64BE(BigInt(dynamic.footerAt), header + 16)),
      /lies on a footer or the header/,
    ],
    [
      'a block on the copy of the footer',
      'corrupt',
      altered(dynamic, (bytes) => bytes.writeUInt32BE(0, dynamic.tableAt)),
      /on the copy of the footer/,
    ],
    [
      'a block on the header',
      'corrupt',
      altered(dynamic, (bytes) => bytes.writeUInt32BE(2, dynamic.tableAt)),
      /on the header/,
    ],
    [
      'a block on the table',
      'corrupt',
      altered(child, (bytes) => bytes.writeUInt32BE(child.tableAt / 512, child.tableAt)),
      /on the block allocation table/,
    ],
    [
      'a block on the footer',
      'corrupt',
      altered(child, (bytes) => bytes.writeUInt32BE((child.footerAt - 4608 + 512) / 512, child.tableAt)),
      /data ends at/,
    ],
    [
      'a block past the end',
      'corrupt',
      altered(dynamic, (bytes) => bytes.writeUInt32BE(0xffff_fffe, dynamic.tableAt)),
      /data ends at/,
    ],
    [
      'more blocks than the file has room for',
      'corrupt',
      manyAtOnePlace(),
      /more of its blocks than the file has room for/,
    ],
    [
      'a differencing disk that names no parent',
      'corrupt',
      encodeVhd({ sizeBytes: 4096, parent: { uniqueId: parentId } }).bytes,
      /names no parent/,
    ],
    [
      'a parent with another id',
      'parent-mismatch',
      altered(child, (bytes) => bytes.fill(0xab, header + 40, header + 56)),
      /was made from abababab/,
    ],
    [
      'a parent that is not there',
      'missing-file',
      encodeVhd({ sizeBytes: 4096, parent: { uniqueId: parentId, name: 'gone.vhd' } }).bytes,
      /gone\.vhd/,
    ],
  ]
  it.each(refused)('refuses %s: %s', async (_name, code, bytes, message) => {
    await expect(readAll(bytes)).rejects.toMatchObject({
      code,
      message: expect.stringMatching(message),
      file: expect.any(String),
    })
  })

  it('reads the images that these are made of', async () => {
    for (const { bytes } of [child, dynamic, fixed, legacy]) await readAll(bytes)
  })
})

/** A table of 512 entries that all lead to one block. */
function manyAtOnePlace(): Buffer {
  const options: EncodedVhd = { sizeBytes: 2 ** 21, blocks: [{ index: 0, data: filled(4096, 1) }] }
  const image = encodeVhd(options)
  return altered(image, (bytes) => {
    for (let index = 1; index < 512; index++)
      bytes.copy(bytes, image.tableAt + 4 * index, image.tableAt, image.tableAt + 4)
  })
}
