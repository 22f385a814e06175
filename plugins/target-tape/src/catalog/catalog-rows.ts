import { decodeLabel } from '../layout/label.js'
import type { KnownCartridge, KnownMedium, KnownObject, KnownSet } from './known.js'

/** A row of a table. */
export type Row = Readonly<Record<string, unknown>>

/** Reads a row of `sets`. */
export function setOf(row: Row | undefined): KnownSet | undefined {
  if (row === undefined) return undefined
  return {
    id: String(row['id']),
    pool: String(row['pool']),
    createdAt: new Date(String(row['created_at'])),
    keepUntil: row['keep_until'] === null ? undefined : new Date(String(row['keep_until'])),
  }
}

/** Reads a row of `cartridges`. */
export function cartridgeOf(row: Row | undefined): KnownCartridge | undefined {
  const read = row === undefined ? undefined : decodeLabel(String(row['label']))
  if (row === undefined || read?.kind !== 'label') return undefined
  return {
    label: read.label,
    files: Number(row['files']),
    isFull: row['is_full'] === 1,
    usedBytes: Number(row['used_bytes']),
  }
}

const mediumStates = ['unknown', 'blank', 'labelled', 'foreign'] as const

/** Reads a row of `media`. */
export function mediumOf(row: Row | undefined): KnownMedium | undefined {
  if (row === undefined) return undefined
  return {
    barcode: String(row['barcode']),
    state: mediumStates.find((state) => state === row['state']) ?? 'unknown',
    cartridge: row['cartridge'] === null ? undefined : String(row['cartridge']),
    location: row['location'] === null ? undefined : String(row['location']),
  }
}

/** Reads rows of `objects`. */
export function* objectsOf(rows: Iterable<Row>): Generator<KnownObject> {
  for (const row of rows) {
    const object = objectOf(row)
    if (object !== undefined) yield object
  }
}

/** Reads a row of `objects`. */
export function objectOf(row: Row | undefined): KnownObject | undefined {
  if (row === undefined) return undefined
  return {
    key: String(row['key']),
    sizeBytes: Number(row['size']),
    sha256: String(row['sha256']),
    cartridge: String(row['cartridge']),
    file: Number(row['file']),
    offset: Number(row['offset']),
    storedAt: new Date(String(row['stored_at'])),
    isLookup: row['lookup'] === 1,
  }
}
