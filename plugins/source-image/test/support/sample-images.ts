import type { CapturedDisk } from '@holdfast/core'
import { kib, mib } from './images.js'
import { call, capture, filled, type Piece } from './machines.js'

/** Size of the sample disks. */
export const sizeBytes = 7 * mib
/** What a parent, or a disk without one, holds. */
export const pieces: readonly Piece[] = [
  [0, filled(100 * kib, 1)],
  [mib + 512, filled(5 * kib, 2)],
  [sizeBytes - 700 * 512, filled(700 * 512, 3)],
]
/** What a child holds. */
export const childPieces: readonly Piece[] = [
  [64 * kib, filled(64 * kib, 4)],
  [5 * mib, filled(7 * kib, 5)],
]

/** Reads a whole disk into memory that held something else. */
export async function contentOf(disk: CapturedDisk): Promise<Uint8Array> {
  const bytes = new Uint8Array(disk.sizeBytes).fill(0xb7)
  await disk.readInto(0, bytes, call)
  return bytes
}

/** Captures the only disk of a machine. */
export async function theDisk(root: string, options: Parameters<typeof capture>[3] = {}) {
  const { disks, unavailable } = await capture(root, 'web', {}, options)
  return { disk: disks[0]!, reason: unavailable[0]?.reason }
}
