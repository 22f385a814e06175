import { allocationState } from '../wire/constants.js'
import type { NbdExport, NbdExportCall } from './nbd-export.js'

/** A part of a read. */
export interface ReadPart {
  readonly offset: number
  readonly length: number
  readonly isZero: boolean
}

/** More parts than this cost more than reading the zeros. */
const maxParts = 64

/** Splits a read into data and zeros, as far as the export tells. */
export async function readParts(
  disk: NbdExport,
  offset: number,
  lengthBytes: number,
  call: NbdExportCall,
): Promise<readonly ReadPart[]> {
  const whole = [{ offset, length: lengthBytes, isZero: false }]
  if (disk.blockStatus === undefined) return whole
  const parts: { offset: number; length: number; isZero: boolean }[] = []
  const end = offset + lengthBytes
  let at = offset
  const add = (length: number, isZero: boolean) => {
    const last = parts.at(-1)
    if (last?.isZero === isZero) last.length += length
    else parts.push({ offset: at, length, isZero })
    at += length
  }
  for (const { length, flags } of await disk.blockStatus(offset, lengthBytes, call)) {
    if (at === end || !(length > 0)) break
    add(Math.min(length, end - at), (flags & allocationState.zero) !== 0)
  }
  if (at < end) add(end - at, false)
  return parts.length > maxParts ? whole : parts
}
