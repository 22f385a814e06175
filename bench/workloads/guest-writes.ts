import { closeSync, fstatSync, openSync, readFileSync, readSync, writeSync } from 'node:fs'
import { mergeRanges } from './merge-ranges.ts'
import { createRandom, integerBelow, type Random } from './random.ts'
import { type ByteRange, blockBytes, mib } from './units.ts'
import { usedRegions } from './used-regions.ts'

const blocksPerRegion = mib / blockBytes
const longestWriteBlocks = 64

/** How a guest's day is imitated. */
export interface GuestWrites {
  readonly seed: number
  /** Bytes written, as a share of the whole disk. Some fall on the same block twice. */
  readonly share: number
}

/**
 * Writes into an image as a guest would in a day, and returns what it wrote, sorted and merged.
 *
 * 85 % of the writes fall in 8 % of the used area, as databases, logs and mailboxes do; the rest go anywhere, one in
 * five of them into space that was free. Lengths are 4 KiB to 256 KiB, short ones more often. A third of the data is
 * copied from elsewhere on the disk, a third is text like a log, the rest does not compress.
 */
export function writeLikeGuest(image: string, { seed, share }: GuestWrites): ByteRange[] {
  const file = openSync(image, 'r+')
  try {
    const random = createRandom(seed)
    const sizeBytes = fstatSync(file).size
    const used = usedRegions(file, sizeBytes)
    if (used.length === 0) throw new Error(`${image} holds only zeros: there is nothing a guest could change`)
    const hot = used.filter(() => random() < 0.08)
    const log = readFileSync('/usr/share/common-licenses/GPL-3')
    const wantedBlocks = Math.floor((sizeBytes / blockBytes) * share)
    const written: ByteRange[] = []
    for (let blocks = 0; blocks < wantedBlocks; ) {
      const region = chooseRegion(random, used, hot, sizeBytes)
      const length = Math.min(1 + Math.floor(random() ** 2 * longestWriteBlocks), wantedBlocks - blocks)
      const offset = region + integerBelow(random, blocksPerRegion - length) * blockBytes
      const data = contentFor({ random, file, used, log, offset, bytes: length * blockBytes })
      writeSync(file, data, 0, data.length, offset)
      written.push([offset, data.length])
      blocks += length
    }
    return mergeRanges(written)
  } finally {
    closeSync(file)
  }
}

function chooseRegion(random: Random, used: readonly number[], hot: readonly number[], sizeBytes: number): number {
  const anywhere = (): number => integerBelow(random, sizeBytes / mib) * mib
  if (random() < 0.85 && hot.length > 0) return pick(random, hot)
  return random() < 0.8 ? pick(random, used) : anywhere()
}

function pick(random: Random, regions: readonly number[]): number {
  const region = regions[integerBelow(random, regions.length)]
  if (region === undefined) throw new RangeError('No region to pick from')
  return region
}

interface Write {
  readonly random: Random
  readonly file: number
  readonly used: readonly number[]
  readonly log: Buffer
  readonly offset: number
  readonly bytes: number
}

function contentFor({ random, file, used, log, offset, bytes }: Write): Buffer {
  const data = Buffer.alloc(bytes)
  const kind = random()
  if (kind < 0.35) {
    const blocks = bytes / blockBytes
    // One copy in three or so is not aligned to its origin, as when a file is rewritten at another offset.
    const shift = kind < 0.1 ? 512 : 0
    const from = pick(random, used) + integerBelow(random, blocksPerRegion - blocks) * blockBytes + shift
    readSync(file, data, 0, bytes, from)
  } else if (kind < 0.7) {
    const start = (offset / blockBytes) * 37
    for (let i = 0; i < bytes; i++) data[i] = log[(start + i) % log.length] ?? 0
    for (let i = 0; i < bytes; i += 64) data.writeUInt32LE(integerBelow(random, 2 ** 32), i)
  } else {
    for (let i = 0; i < bytes; i += 4) data.writeUInt32LE(integerBelow(random, 2 ** 32), i)
  }
  return data
}
