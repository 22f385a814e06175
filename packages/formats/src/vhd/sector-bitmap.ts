/** Bitmaps hold the bit of the first sector in the highest bit of the first byte. */
const highest = 0x80
const full = 0xff

/** A stretch of sectors whose bits are alike. */
export interface BitRun {
  readonly from: number
  readonly to: number
  readonly isSet: boolean
}

/** Tells whether a bit is set. */
export function hasBit(bitmap: Uint8Array, bit: number): boolean {
  return ((bitmap[bit >> 3] ?? 0) & (highest >> (bit & 7))) !== 0
}

/** Sets the bits from `from` up to but without `to`. */
export function setBits(bitmap: Uint8Array, from: number, to: number): void {
  const [firstByte, lastByte] = [from >> 3, to >> 3]
  const head = full >> (from & 7)
  const tail = full & ~(full >> (to & 7))
  if (firstByte === lastByte) orByte(bitmap, firstByte, head & tail)
  else {
    orByte(bitmap, firstByte, head)
    bitmap.fill(full, firstByte + 1, lastByte)
    orByte(bitmap, lastByte, tail)
  }
}

/** Yields the runs of equal bits from `from` up to but without `to`. */
export function* bitRuns(bitmap: Uint8Array, from: number, to: number): Generator<BitRun, void, undefined> {
  for (let at = from; at < to; ) {
    const isSet = hasBit(bitmap, at)
    const end = Math.min(to, endOfRun(bitmap, at, to, isSet))
    yield { from: at, to: end, isSet }
    at = end
  }
}

function endOfRun(bitmap: Uint8Array, from: number, to: number, isSet: boolean): number {
  const uniform = isSet ? full : 0
  let at = from + 1
  while (at < to) {
    // Whole bytes at a time where bits are alike for long.
    if ((at & 7) === 0 && bitmap[at >> 3] === uniform) at += 8
    else if (hasBit(bitmap, at) === isSet) at += 1
    else break
  }
  return at
}

function orByte(bitmap: Uint8Array, at: number, bits: number): void {
  if (bits !== 0) bitmap[at] = (bitmap[at] ?? 0) | bits
}
