import type { ChangeToken } from '@holdfast/core'
import type { ByteRange } from '@holdfast/formats'
import { mergeRanges } from '../machines/byte-range.js'
import type { DiskDescription } from '../machines/machine-description.js'
import { printable } from '../printable.js'
import { type ChangedSince, unknownChanges } from './changed-since.js'

/** Finds what the description records as changed since `token`, in ascending order without overlap. */
export function recordedChanges(
  disk: Pick<DiskDescription, 'changes' | 'changeToken'>,
  sizeBytes: number,
  token: ChangeToken,
): ChangedSince {
  const { changes, changeToken } = disk
  if (changes?.since === token) {
    const ranges = mergeRanges(changes.extents)
    const last = ranges.at(-1)
    const end = last === undefined ? 0 : last.offset + last.length
    if (end <= sizeBytes) return known(ranges, token)
    // The record was made for a larger disk, so it says nothing reliable about this one.
    return unknownChanges(`the recorded changes reach to ${end} bytes, past the end of the disk at ${sizeBytes}`)
  }
  if (changeToken === token) return known([], token)
  if (changes === undefined && changeToken === undefined)
    return unknownChanges(
      `token ${quote(token)} is not of this source and machine.json records no change token for this disk`,
    )
  if (changes === undefined)
    return unknownChanges(`token ${quote(token)} is not the present one and machine.json records no changes since it`)
  return unknownChanges(
    `token ${quote(token)} is not the base of the recorded changes, which is ${quote(changes.since)}`,
  )
}

function known(ranges: readonly ByteRange[], token: ChangeToken): ChangedSince {
  const reason = `machine.json records the changes since token ${quote(token)}`
  return { known: true, reason, newLayers: 0, ranges: () => ranges }
}

function quote(token: ChangeToken): string {
  return `'${printable(token, 80)}'`
}
