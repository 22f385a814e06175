import type { ChangeToken, Tracking } from '@holdfast/core'
import { type ByteRange, mergeRanges } from './byte-range.js'
import type { DiskDescription } from './machine-description.js'

/** What of a disk may differ from an earlier capture, or why nobody can tell. */
export type ChangedSince =
  | { readonly known: true; readonly ranges: readonly ByteRange[] }
  | { readonly known: false; readonly reason: string }

/** Finds what the description records as changed since `token`, in ascending order without overlap. */
export function changedSince(disk: DiskDescription, sizeBytes: number, token: ChangeToken): ChangedSince {
  const { changes, changeToken } = disk
  if (changes?.since === token) {
    const ranges = mergeRanges(changes.extents)
    const last = ranges.at(-1)
    const end = last === undefined ? 0 : last.offset + last.length
    if (end <= sizeBytes) return { known: true, ranges }
    // The record was made for a larger disk, so it says nothing reliable about this one.
    return unknown(`the recorded changes reach to ${end} bytes, past the end of the disk at ${sizeBytes}`)
  }
  if (changeToken === token) return { known: true, ranges: [] }
  if (changes === undefined && changeToken === undefined)
    return unknown('machine.json records no change token for this disk')
  if (changes === undefined)
    return unknown(`token ${quote(token)} is not the present one and machine.json records no changes since it`)
  return unknown(`token ${quote(token)} is not the base of the recorded changes, which is ${quote(changes.since)}`)
}

/** Decides how a disk can be captured, given the token of its last capture. */
export function decideTracking(disk: DiskDescription, sizeBytes: number, previous: ChangeToken | undefined): Tracking {
  if (previous === undefined) return { mode: 'full', reason: 'no earlier capture' }
  const changed = changedSince(disk, sizeBytes, previous)
  if (!changed.known) return { mode: 'full', reason: changed.reason }
  return { mode: 'incremental', reason: `machine.json records the changes since token ${quote(previous)}` }
}

function unknown(reason: string): ChangedSince {
  return { known: false, reason }
}

function quote(token: ChangeToken): string {
  const clean = token.replace(/\p{Cc}/gu, '?')
  return `'${clean.length <= 80 ? clean : `${clean.slice(0, 80)}…`}'`
}
