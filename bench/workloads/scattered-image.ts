import { closeSync, fstatSync, ftruncateSync, openSync, readSync, writeSync } from 'node:fs'
import { mib } from './units.ts'

/** Writes a large sparse image that holds another's content, 1 MiB at a time, spread evenly over its whole length. */
export function writeScatteredImage(image: string, original: string, sizeBytes: number): void {
  const source = openSync(original, 'r')
  const target = openSync(image, 'w')
  try {
    const { size } = fstatSync(source)
    ftruncateSync(target, sizeBytes)
    const stride = Math.floor(sizeBytes / Math.ceil(size / mib) / mib) * mib
    const region = Buffer.alloc(mib)
    const zeros = Buffer.alloc(mib)
    for (let offset = 0; offset < size; offset += mib) {
      const length = readSync(source, region, 0, mib, offset)
      const data = region.subarray(0, length)
      if (!data.equals(zeros.subarray(0, length))) writeSync(target, data, 0, length, (offset / mib) * stride)
    }
  } finally {
    closeSync(source)
    closeSync(target)
  }
}
