import { expect } from 'vitest'
import type { ImageCodec } from '../../src/image/codec.js'
import type { DiskImage } from '../../src/image/disk-image.js'
import { openImage } from '../../src/image/open-image.js'
import { createVmdk, type VmdkWriterOptions, vmdkCodec } from '../../src/vmdk/index.js'
import { memoryFile } from './memory-file.js'
import { memoryFolder } from './round-trip.js'

/** Content of files by name. */
export type Files = Readonly<Record<string, Uint8Array | string>>

/** Opens the file `disk` of some files in memory. */
export async function openFiles(files: Files, codec: ImageCodec = vmdkCodec): Promise<DiskImage> {
  const named = (name: string) => {
    const content = files[name]
    return content === undefined ? undefined : memoryFile(name, bytesOf(content)).named()
  }
  const disk = named('disk')
  if (disk === undefined) throw new Error('there is no file named disk')
  return openImage(disk, { codecs: [codec], open: async (name) => named(name), format: 'vmdk' })
}

/** Writes a disk to files in memory; the main one is named `disk`. */
export async function vmdkFiles(
  disk: Uint8Array,
  options: Partial<VmdkWriterOptions> = {},
): Promise<Record<string, Uint8Array>> {
  const folder = memoryFolder()
  const made = new Map<string, ReturnType<typeof memoryFile>>()
  const create = async (name: string) => {
    const file = folder.create(name)
    made.set(name, file)
    return file
  }
  const main = await create('disk')
  const sizeBytes = disk.byteLength
  const writer = await createVmdk(main, { sizeBytes, name: 'disk', create, cid: '12345678', ...options })
  for (let at = 0; at < sizeBytes; at += 65_536) {
    const bytes = disk.subarray(at, at + 65_536)
    if (bytes.some((byte) => byte !== 0)) await writer.write(at, bytes)
  }
  await writer.close()
  return Object.fromEntries([...made].map(([name, file]) => [name, file.bytes()]))
}

/** A disk with data in every fourth grain, the last one included. */
export function smallDisk(sizeBytes: number): Uint8Array {
  const disk = new Uint8Array(sizeBytes)
  for (let at = 0; at < sizeBytes; at++) {
    const grain = Math.floor(at / 65_536)
    if (grain % 4 === 1 || at >= sizeBytes - 512) disk[at] = (at * 7 + (at >> 9)) & 0xff
  }
  return disk
}

/** Changes numbers of a file, little-endian; returns a copy. */
export function patched(
  bytes: Uint8Array,
  changes: readonly (readonly [at: number, size: 1 | 2 | 4 | 8, value: number | bigint])[],
): Uint8Array {
  const copy = bytes.slice()
  const view = new DataView(copy.buffer)
  for (const [at, size, value] of changes) {
    if (size === 8) view.setBigUint64(at, BigInt(value), true)
    else if (size === 4) view.setUint32(at, Number(value), true)
    else if (size === 2) view.setUint16(at, Number(value), true)
    else view.setUint8(at, Number(value))
  }
  return copy
}

/** Changes text of a descriptor, embedded or not, without moving what is behind it. */
export function reworded(bytes: Uint8Array, from: string, to: string): Uint8Array {
  const copy = Buffer.from(bytes)
  const at = copy.indexOf(from)
  if (at === -1) throw new Error(`there is no ${from}`)
  const end = copy.indexOf(0, at)
  const rest = copy.toString('latin1', at + from.length, end === -1 ? copy.byteLength : end)
  const tail = Buffer.from(to + rest, 'latin1')
  if (end === -1) return Buffer.concat([copy.subarray(0, at), tail])
  copy.fill(0, at, end)
  tail.copy(copy, at)
  return copy
}

export function bytesOf(content: Uint8Array | string): Uint8Array {
  return typeof content === 'string' ? Buffer.from(content) : content
}

/**
 * Makes a codec for damaged extents: its descriptor is made to agree with `capacity` of the damaged file, as whoever
 * attacks would do.
 */
export function extentCodec(
  createType: string,
  extentType: string,
  capacityField: { readonly at: number; readonly bytes: 4 | 8 },
): ImageCodec {
  return {
    ...vmdkCodec,
    open: async (file, open) => {
      const head = new Uint8Array(Math.min(file.source.sizeBytes, 512))
      await file.source.read(0, head)
      const { at, bytes } = capacityField
      let capacity = 0n
      for (let i = bytes - 1; i >= 0; i--) capacity = (capacity << 8n) | BigInt(head[at + i] ?? 0)
      const text = [
        '# Disk DescriptorFile',
        'version=1',
        'CID=00000001',
        `createType="${createType}"`,
        `RW ${capacity % 10n ** 16n} ${extentType} "extent"`,
      ].join('\n')
      const descriptor = memoryFile('descriptor', Buffer.from(text)).named()
      return vmdkCodec.open(descriptor, async (name) => (name === 'extent' ? file : open(name, file)))
    },
  }
}

/** The disk of most unit tests: ten grains and a sector, of which three are stored, the last one in part. */
export const testDisk: Uint8Array = smallDisk(10 * 65_536 + 512)

/** A monolithicSparse, or another kind in one file, of that disk. */
export async function oneFile(options?: Partial<VmdkWriterOptions>): Promise<Uint8Array> {
  return (await vmdkFiles(testDisk, options))['disk'] ?? new Uint8Array()
}

/** All bytes of a disk. */
export async function bytesFrom(files: Files): Promise<Uint8Array> {
  await using image = await openFiles(files)
  const bytes = new Uint8Array(image.sizeBytes)
  await image.read(0, bytes)
  return bytes
}

/** What opening or reading throws. */
export async function failureOf(files: Files): Promise<unknown> {
  try {
    await bytesFrom(files)
  } catch (error) {
    return error
  }
  throw new Error('it was read')
}

/** Expects that a disk is refused, by a message about the right file. */
export async function expectRefused(files: Files, code: string, message: RegExp, file = 'disk'): Promise<void> {
  expect(await failureOf(files)).toMatchObject({ code, message: expect.stringMatching(message), file })
}
