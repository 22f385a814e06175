import { createHash } from 'node:crypto'
import { basename, dirname, join } from 'node:path'
import type { ByteStore } from '../../src/bytes/byte-source.js'
import type { DiskImage } from '../../src/image/disk-image.js'
import { openImage } from '../../src/image/open-image.js'
import { createVmdk, type VmdkWriterOptions, vmdkCodec } from '../../src/vmdk/index.js'
import { besideImage, realFile, realStore } from './real-file.js'
import { writeDisk } from './sample-disk.js'

/** Opens a VMDK of the disk with what it names. */
export async function openVmdk(path: string): Promise<DiskImage> {
  return openImage(await realFile(path), { codecs: [vmdkCodec], open: besideImage })
}

/** Writes a whole disk, or what is given of it, to a VMDK of the disk; all its files are closed afterwards. */
export async function writeVmdk(
  path: string,
  disk: Uint8Array,
  options: Omit<VmdkWriterOptions, 'sizeBytes' | 'name'>,
): Promise<string> {
  const stores: (ByteStore & AsyncDisposable)[] = []
  const create = async (name: string) => {
    const store = await realStore(join(dirname(path), name))
    stores.push(store)
    return store
  }
  try {
    const name = basename(path)
    const writer = await createVmdk(await create(name), { sizeBytes: disk.byteLength, name, create, ...options })
    await writeDisk(writer, disk)
  } finally {
    for (const store of stores) await store[Symbol.asyncDispose]()
  }
  return path
}

/** SHA-256 of a disk as this package reads it. */
export async function ourDigest(path: string): Promise<string> {
  await using image = await openVmdk(path)
  const hash = createHash('sha256')
  const piece = 2 ** 20 + 512
  for (let at = 0; at < image.sizeBytes; at += piece) {
    const bytes = new Uint8Array(Math.min(piece, image.sizeBytes - at))
    await image.read(at, bytes)
    hash.update(bytes)
  }
  return hash.digest('hex')
}

/** SHA-256 of bytes. */
export function digestOf(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex')
}

/** Everything that a check finds. */
export async function problemsOf(image: DiskImage): Promise<readonly { severity: string; message: string }[]> {
  const found: { severity: string; message: string }[] = []
  for await (const { severity, message } of image.problems()) found.push({ severity, message })
  return found
}
