import type { NamedSource } from '../bytes/byte-source.js'
import { fields } from '../bytes/fields.js'
import { readPart } from '../bytes/read-part.js'
import { corrupt } from '../image/image-error.js'
import type { Qcow2Header } from './header.js'
import { snapshotEntryBytes } from './header-layout.js'

/** Where a snapshot keeps its L1 table (spec: Snapshots). */
export interface Snapshot {
  readonly l1: { readonly offset: number; readonly entries: number }
}

/** The snapshots of an image, and the bytes that their table takes. */
export interface Snapshots {
  readonly list: readonly Snapshot[]
  readonly tableBytes: number
}

const field = { l1Offset: 0, l1Entries: 8, idLength: 12, nameLength: 14, extraLength: 36 } as const

/** Read at once; entries are of any length, so the part begins anew with one that does not fit. */
const partBytes = 64 * 1024

/** Reads the snapshot table. Called: for checks only, nothing else needs it. @throws ImageError `corrupt` */
export async function readSnapshots(file: NamedSource, { snapshots }: Qcow2Header): Promise<Snapshots> {
  const { offset, count } = snapshots
  const list: Snapshot[] = []
  let part = { at: 0, end: 0, bytes: new Uint8Array() }
  let at = offset
  for (let index = 0; index < count; index++) {
    if (at + snapshotEntryBytes > part.end) {
      const length = Math.max(snapshotEntryBytes, Math.min(partBytes, file.source.sizeBytes - at))
      part = { at, end: at + length, bytes: await readPart(file, at, length, 'the snapshot table') }
    }
    const entry = fields(part.bytes.subarray(at - part.at), 'big', file.name)
    const variable = entry.u32(field.extraLength) + entry.u16(field.idLength) + entry.u16(field.nameLength)
    list.push({ l1: { offset: entry.u64(field.l1Offset), entries: entry.u32(field.l1Entries) } })
    at += Math.ceil((snapshotEntryBytes + variable) / 8) * 8
    if (at > file.source.sizeBytes)
      throw corrupt(`entry ${index} of the snapshot table ends past the end of the file`, file.name, at)
  }
  return { list, tableBytes: at - offset }
}
