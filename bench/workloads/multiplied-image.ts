import { closeSync, fstatSync, ftruncateSync, openSync, readSync, writeSync } from 'node:fs'
import { blockBytes, mib } from './units.ts'

/**
 * Writes an image `times` as large as another: as many copies, none of which deduplicates against the others.
 *
 * Each copy has all its bytes XORed with a mask of its own. That keeps holes, repetition and entropy as they were, so
 * the copies compress and are as sparse as the original, while every chunk is new.
 */
export function writeMultipliedImage(image: string, original: string, times: number): void {
  const source = openSync(original, 'r')
  const target = openSync(image, 'w')
  try {
    const { size } = fstatSync(source)
    ftruncateSync(target, size * times)
    const region = Buffer.alloc(mib)
    for (let copy = 0; copy < times; copy++) {
      for (let offset = 0; offset < size; offset += mib) {
        const length = readSync(source, region, 0, mib, offset)
        writeMasked(target, region.subarray(0, length), copy * size + offset, (copy * 0x35) & 0xff)
      }
    }
  } finally {
    closeSync(source)
    closeSync(target)
  }
}

function writeMasked(target: number, region: Buffer, offset: number, mask: number): void {
  const zeros = Buffer.alloc(blockBytes)
  for (let start = 0; start < region.length; start += blockBytes) {
    const block = region.subarray(start, start + blockBytes)
    if (block.equals(zeros.subarray(0, block.length))) continue
    for (let i = 0; i < block.length; i++) block[i] = (block[i] ?? 0) ^ mask
    writeSync(target, block, 0, block.length, offset + start)
  }
}
