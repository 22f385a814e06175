import { readSync } from 'node:fs'
import { mib } from './units.ts'

/** Lists the offsets of the 1 MiB regions of an image that hold anything but zeros. */
export function usedRegions(file: number, sizeBytes: number): number[] {
  const used: number[] = []
  const zeros = Buffer.alloc(mib)
  const region = Buffer.alloc(mib)
  for (let offset = 0; offset < sizeBytes; offset += mib) {
    const length = readSync(file, region, 0, mib, offset)
    if (!region.subarray(0, length).equals(zeros.subarray(0, length))) used.push(offset)
  }
  return used
}
