import type { ByteRange } from '@holdfast/formats'
import { z } from 'zod'

/** Checks `[[offset, length], …]`; stops at the first wrong entry, however many there are. */
export const byteRanges = z.unknown().transform((value, context): readonly ByteRange[] => {
  if (!Array.isArray(value)) {
    context.addIssue({ code: 'custom', message: 'must be an array of [offset, length] pairs' })
    return z.NEVER
  }
  const ranges: ByteRange[] = []
  for (const [index, entry] of value.entries()) {
    const range = toRange(entry)
    if (typeof range === 'string') {
      context.addIssue({ code: 'custom', path: [index], message: range })
      return z.NEVER
    }
    ranges.push(range)
  }
  return ranges
})

/** Sorts ranges and joins those that overlap or touch; empty ones vanish. */
export function mergeRanges(ranges: readonly ByteRange[]): readonly ByteRange[] {
  const merged: ByteRange[] = []
  for (const { offset, length } of ranges.toSorted((a, b) => a.offset - b.offset)) {
    if (length === 0) continue
    const last = merged.at(-1)
    if (last !== undefined && offset <= last.offset + last.length) {
      const end = Math.max(last.offset + last.length, offset + length)
      merged[merged.length - 1] = { offset: last.offset, length: end - last.offset }
    } else {
      merged.push({ offset, length })
    }
  }
  return merged
}

function toRange(entry: unknown): ByteRange | string {
  if (!Array.isArray(entry) || entry.length !== 2) return 'must be a pair [offset, length]'
  const [offset, length]: unknown[] = entry
  if (!isWhole(offset) || !isWhole(length)) return 'offset and length must be whole numbers of bytes, not negative'
  if (!Number.isSafeInteger(offset + length)) return 'offset and length reach past what a disk can hold'
  return { offset, length }
}

function isWhole(value: unknown): value is number {
  return Number.isSafeInteger(value) && typeof value === 'number' && value >= 0
}
