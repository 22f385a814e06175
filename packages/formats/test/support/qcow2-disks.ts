import { createHash } from 'node:crypto'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileDigest, run, tempFolder } from 'holdfast-lab'
import type { DiskImage, ImageExtent } from '../../src/image/disk-image.js'
import type { ImageProblem } from '../../src/image/layer.js'
import { openImage } from '../../src/image/open-image.js'
import { createQcow2, type Qcow2WriterOptions, qcow2Codec } from '../../src/qcow2/index.js'
import { rawCodec } from '../../src/raw/index.js'
import { besideImage, realFile, realStore } from './real-file.js'
import { writeDisk } from './sample-disk.js'

/** Opens a file of the disk with its parents. */
export async function openReal(path: string): Promise<DiskImage> {
  const isRaw = path.endsWith('.raw')
  const codecs = [qcow2Codec, rawCodec]
  return openImage(await realFile(path), { codecs, open: besideImage, ...(isRaw && { format: 'raw' }) })
}

/** SHA-256 of a disk as it is read here. */
export async function ownDigest(path: string): Promise<string> {
  await using image = await openReal(path)
  const hash = createHash('sha256')
  const piece = 2 ** 20
  for (let at = 0; at < image.sizeBytes; at += piece) {
    const bytes = new Uint8Array(Math.min(piece, image.sizeBytes - at))
    await image.read(at, bytes)
    hash.update(bytes)
  }
  return hash.digest('hex')
}

/** SHA-256 of a disk as qemu-img reads it. */
export async function qemuDigest(path: string): Promise<string> {
  using folder = tempFolder()
  const raw = join(folder.path, 'disk.raw')
  run('qemu-img', 'convert', '-f', 'qcow2', '-O', 'raw', path, raw)
  // Awaited here, before the folder goes.
  return await fileDigest(raw)
}

/** SHA-256 of bytes. */
export function digestOf(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex')
}

/** Writes a disk as an image. */
export async function writeReal(
  path: string,
  disk: Uint8Array,
  options: Omit<Qcow2WriterOptions, 'sizeBytes'> = {},
): Promise<void> {
  await using store = await realStore(path)
  await writeDisk(await createQcow2(store, { sizeBytes: disk.byteLength, ...options }), disk)
}

/** Everything that a check finds in an image. */
export async function problemsOf(path: string): Promise<readonly ImageProblem[]> {
  await using image = await openReal(path)
  const problems: ImageProblem[] = []
  for await (const problem of image.problems()) problems.push(problem)
  return problems
}

/** Exit code of `qemu-img check`: 0 clean, 2 errors, 3 leaks, 1 when it cannot check at all. */
export function qemuCheck(path: string): number {
  try {
    run('qemu-img', 'check', '-f', 'qcow2', path)
    return 0
  } catch (error) {
    return typeof error === 'object' && error !== null && 'status' in error ? Number(error.status) : -1
  }
}

/** Extents as `qemu-img map` tells them, in our words. */
export function qemuMap(path: string): readonly Pick<ImageExtent, 'offset' | 'length' | 'kind'>[] {
  const entries: readonly { start: number; length: number; data: boolean; zero: boolean; present: boolean }[] =
    JSON.parse(run('qemu-img', 'map', '--output=json', '-f', 'qcow2', path))
  return joined(
    entries.map(({ start, length, data, zero, present }) => ({
      offset: start,
      length,
      kind: data ? 'data' : zero && present ? 'zero' : 'unallocated',
    })),
  )
}

/** Our extents, without their depth. */
export async function ownMap(path: string): Promise<readonly Pick<ImageExtent, 'offset' | 'length' | 'kind'>[]> {
  await using image = await openReal(path)
  const extents: Pick<ImageExtent, 'offset' | 'length' | 'kind'>[] = []
  for await (const { offset, length, kind } of image.extents()) extents.push({ offset, length, kind })
  return joined(extents)
}

function joined(extents: readonly Pick<ImageExtent, 'offset' | 'length' | 'kind'>[]) {
  const list: Pick<ImageExtent, 'offset' | 'length' | 'kind'>[] = []
  for (const extent of extents) {
    const last = list.at(-1)
    if (last?.kind === extent.kind) list[list.length - 1] = { ...last, length: last.length + extent.length }
    else list.push(extent)
  }
  return list
}

/** Changes bytes of a file. */
export function patch(path: string, bytes: Uint8Array, changes: Readonly<Record<number, readonly number[]>>): void {
  const altered = bytes.slice()
  for (const [at, values] of Object.entries(changes)) altered.set(values, Number(at))
  writeFileSync(path, altered)
}
