import type { DiskImage } from '../../src/image/disk-image.js'
import { openImage } from '../../src/image/open-image.js'
import { qcow2Codec } from '../../src/qcow2/index.js'
import { memoryFile } from './memory-file.js'

/** A field, and what it is set to. */
export type Change = readonly [offset: number, bytes: 1 | 2 | 4 | 8, value: number | bigint]

/** Changes fields of an image, high byte first. */
export function changed(bytes: Uint8Array, ...changes: readonly Change[]): Uint8Array {
  const altered = bytes.slice()
  for (const [offset, width, value] of changes)
    for (let i = 0; i < width; i++) altered[offset + i] = Number((BigInt(value) >> BigInt(8 * (width - 1 - i))) & 0xffn)
  return altered
}

/** Opens an image, which finds a data file but no parent. */
export function openBytes(bytes: Uint8Array): Promise<DiskImage> {
  return openImage(memoryFile('disk', bytes).named(), {
    codecs: [qcow2Codec],
    format: 'qcow2',
    open: async (name) => (name === 'disk.data' ? memoryFile(name, new Uint8Array(4096)).named() : undefined),
  })
}
