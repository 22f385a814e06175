import { mkdirSync } from 'node:fs'
import { dirname } from 'node:path'
import { DatabaseSync, type SQLInputValue } from 'node:sqlite'
import { isBackupError } from '@holdfast/core'
import { tapeError } from '../drive/drive-errors.js'
import type { CatalogObject } from '../layout/catalog.js'
import { encodeLabel } from '../layout/label.js'
import { cartridgeOf, mediumOf, objectOf, objectsOf, type Row, setOf } from './catalog-rows.js'
import { catalogSchema } from './catalog-schema.js'
import type { KnownCartridge, KnownMedium, KnownObject, KnownSet } from './known.js'

/**
 * What is known of all cartridges of a library: a cache, which the cartridges themselves can fill again.
 *
 * Kept in an SQLite file that several processes may use at once.
 */
export interface TapeCatalog extends Disposable {
  /** Oldest first. */
  readonly sets: () => readonly KnownSet[]
  readonly set: (id: string) => KnownSet | undefined
  /** Notes a set; of one that is known the longer time to keep it counts. */
  readonly keepSet: (set: KnownSet) => void
  /** Notes a set of which only a label was read: it may be kept for longer than that knew. */
  readonly noteSet: (set: KnownSet) => void
  /** Tells whether a set is no longer kept, as far as can be known. `false` for one of which only labels were read. */
  readonly isExpired: (set: string, now: Date) => boolean
  /** Forgets what a set holds, since one of its cartridges is written over; of the others it is known still that they may be, too. */
  readonly dropSet: (id: string) => void
  /** Those of a set, in its order. */
  readonly cartridgesOf: (set: string) => readonly KnownCartridge[]
  readonly cartridge: (id: string) => KnownCartridge | undefined
  /** The barcode that a cartridge was last seen under. */
  readonly barcodeOf: (cartridge: KnownCartridge) => string | undefined
  /** Notes a cartridge, in place of what was known of it. */
  readonly addCartridge: (cartridge: KnownCartridge) => void
  /** Notes that another file of a cartridge is whole. */
  readonly addFile: (
    cartridge: string,
    file: { readonly number: number; readonly endBytes: number; readonly objects: Iterable<CatalogObject> },
  ) => void
  readonly markFull: (cartridge: string) => void
  readonly dropCartridge: (cartridge: string) => void
  /** All that were ever seen under a barcode. */
  readonly cartridgesWith: (barcode: string) => readonly KnownCartridge[]
  readonly media: () => readonly KnownMedium[]
  readonly medium: (barcode: string) => KnownMedium | undefined
  readonly noteMedium: (medium: Omit<KnownMedium, 'location'>) => void
  readonly noteLocation: (barcode: string, location: string | undefined) => void
  readonly object: (set: string, key: string) => KnownObject | undefined
  /** In the order of their keys. */
  readonly objects: (set: string, prefix: string) => Iterable<KnownObject>
  /** In the order in which they lie on it. */
  readonly objectsOn: (cartridge: string) => Iterable<KnownObject>
  readonly isEmpty: (set: string) => boolean
}

/** Opens a catalog; makes an empty one where there is none. @throws Error of SQLite */
export function openTapeCatalog(path: string): TapeCatalog {
  mkdirSync(dirname(path), { recursive: true, mode: 0o700 })
  const database = new DatabaseSync(path)
  database.exec(catalogSchema)
  const all = (sql: string, ...values: SQLInputValue[]) => asked(path, () => database.prepare(sql).all(...values))
  const one = (sql: string, ...values: SQLInputValue[]) => asked(path, () => database.prepare(sql).get(...values))
  const run = (sql: string, ...values: SQLInputValue[]) => void asked(path, () => database.prepare(sql).run(...values))
  const together = (work: () => void): void =>
    asked(path, () => {
      database.exec('BEGIN IMMEDIATE')
      try {
        work()
        database.exec('COMMIT')
      } catch (error) {
        // SQLite may have done so itself, where its disk is full.
        if (database.isTransaction) database.exec('ROLLBACK')
        throw error
      }
    })
  const insertObject = database.prepare(
    'INSERT OR IGNORE INTO objects (set_id, key, size, sha256, cartridge, file, offset, stored_at, lookup) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)',
  )
  const cartridge = (id: string) => cartridgeOf(one('SELECT * FROM cartridges WHERE id = ?', id))
  const set = (id: string) => setOf(one('SELECT * FROM sets WHERE id = ?', id))
  const dropCartridge = (id: string) => {
    run('DELETE FROM objects WHERE cartridge = ?', id)
    run('DELETE FROM cartridges WHERE id = ?', id)
  }

  const noteSet = ({ id, pool, createdAt, keepUntil }: KnownSet, isSure: boolean) =>
    together(() => {
      const known = set(id)
      const until = known === undefined ? keepUntil : later(known.keepUntil, keepUntil)
      run(
        'INSERT INTO sets (id, pool, created_at, keep_until, is_sure) VALUES (?, ?, ?, ?, ?) ON CONFLICT (id) DO UPDATE SET keep_until = excluded.keep_until, created_at = min(created_at, excluded.created_at), is_sure = max(is_sure, excluded.is_sure)',
        id,
        pool,
        createdAt.toISOString(),
        until?.toISOString() ?? null,
        Number(isSure),
      )
    })

  return {
    sets: () =>
      all('SELECT * FROM sets WHERE is_dropped = 0 ORDER BY created_at, id').flatMap((row) => setOf(row) ?? []),
    set,
    keepSet: (kept) => noteSet(kept, true),
    noteSet: (kept) => noteSet(kept, false),
    isExpired: (id, now) =>
      one('SELECT 1 FROM sets WHERE id = ? AND is_sure = 1 AND keep_until <= ?', id, now.toISOString()) !== undefined,
    dropSet: (id) =>
      together(() => {
        run('DELETE FROM objects WHERE set_id = ?', id)
        run('UPDATE sets SET is_dropped = 1 WHERE id = ?', id)
      }),
    cartridgesOf: (id) =>
      all('SELECT * FROM cartridges WHERE set_id = ? ORDER BY sequence', id).flatMap((row) => cartridgeOf(row) ?? []),
    cartridge,
    barcodeOf: ({ label: { cartridge: id, barcode } }) => {
      const row = one('SELECT barcode FROM media WHERE cartridge = ?', id)
      return row === undefined ? barcode : String(row['barcode'])
    },
    addCartridge: ({ label, files, isFull, usedBytes }) =>
      together(() => {
        const { cartridge: id, barcode = '', set: labelled } = label
        dropCartridge(id)
        run(
          'INSERT INTO cartridges (id, barcode, label, set_id, sequence, files, is_full, used_bytes) VALUES (?, ?, ?, ?, ?, ?, ?, ?)',
          id,
          barcode,
          encodeLabel(label),
          labelled?.id ?? null,
          labelled?.sequence ?? null,
          files,
          Number(isFull),
          usedBytes,
        )
      }),
    addFile: (id, { number, endBytes, objects }) =>
      together(() => {
        const known = cartridge(id)
        const setId = known?.label.set?.id
        if (known === undefined || setId === undefined) return
        for (const { key, sizeBytes, sha256, file, offset, storedAt, isLookup } of objects)
          insertObject.run(setId, key, sizeBytes, sha256, id, file, offset, storedAt.toISOString(), Number(isLookup))
        run(
          'UPDATE cartridges SET files = ?, used_bytes = used_bytes + ? WHERE id = ?',
          Math.max(known.files, number + 1),
          endBytes,
          id,
        )
      }),
    cartridgesWith: (barcode) =>
      all('SELECT * FROM cartridges WHERE barcode = ?', barcode).flatMap((row) => cartridgeOf(row) ?? []),
    dropCartridge: (id) => together(() => dropCartridge(id)),
    markFull: (id) => run('UPDATE cartridges SET is_full = 1 WHERE id = ?', id),
    media: () => all('SELECT * FROM media ORDER BY barcode').flatMap((row) => mediumOf(row) ?? []),
    medium: (barcode) => mediumOf(one('SELECT * FROM media WHERE barcode = ?', barcode)),
    noteMedium: ({ barcode, state, cartridge: id }) => {
      // One that has another barcode now is seen under the old one no more.
      if (id !== undefined)
        run("UPDATE media SET state = 'unknown', cartridge = NULL WHERE cartridge = ? AND barcode <> ?", id, barcode)
      run(
        'INSERT INTO media (barcode, state, cartridge, location) VALUES (?, ?, ?, NULL) ON CONFLICT (barcode) DO UPDATE SET state = excluded.state, cartridge = excluded.cartridge, location = NULL',
        barcode,
        state,
        id ?? null,
      )
    },
    noteLocation: (barcode, location) =>
      run(
        "INSERT INTO media (barcode, state, cartridge, location) VALUES (?, 'unknown', NULL, ?) ON CONFLICT (barcode) DO UPDATE SET location = excluded.location",
        barcode,
        location ?? null,
      ),
    object: (id, key) => objectOf(one('SELECT * FROM objects WHERE set_id = ? AND key = ?', id, key)),
    objects: function* (id, prefix) {
      const page = database.prepare('SELECT * FROM objects WHERE set_id = ? AND key >= ? ORDER BY key LIMIT ?')
      const pageFrom = (key: string) => asked(path, () => page.all(id, key, pageRows))
      // What follows a key first is the key with the least character behind it.
      for (let from: string | undefined = prefix; from !== undefined; ) {
        const rows: readonly Row[] = pageFrom(from)
        const objects = [...objectsOf(rows)]
        const found = objects.filter(({ key }) => key.startsWith(prefix))
        yield* found
        const last: KnownObject | undefined = found.length === pageRows ? found.at(-1) : undefined
        from = last === undefined ? undefined : `${last.key}\u0001`
      }
    },
    objectsOn: function* (id) {
      const page = database.prepare(
        'SELECT * FROM objects WHERE cartridge = ? AND (file, offset) > (?, ?) ORDER BY file, offset LIMIT ?',
      )
      const pageAfter = ({ file, offset }: Pick<KnownObject, 'file' | 'offset'>) =>
        asked(path, () => page.all(id, file, offset, pageRows))
      for (let last: Pick<KnownObject, 'file' | 'offset'> | undefined = { file: 0, offset: -1 }; last !== undefined; ) {
        const objects: KnownObject[] = [...objectsOf(pageAfter(last))]
        yield* objects
        last = objects.length === pageRows ? objects.at(-1) : undefined
      }
    },
    isEmpty: (id) => one('SELECT 1 FROM objects WHERE set_id = ? LIMIT 1', id) === undefined,
    [Symbol.dispose]: () => database.close(),
  }
}

/** Does something with the file of the catalog, and says so where it fails. @throws BackupError `E_TARGET_IO` */
function asked<T>(path: string, work: () => T): T {
  try {
    return work()
  } catch (error) {
    if (isBackupError(error)) throw error
    throw tapeError('E_TARGET_IO', `The catalog ${path} cannot be used: ${String(error)}`, {
      operation: 'target.catalog',
      context: { path },
      hint: "Is its disk full? If the file is damaged, move it away and run 'holdfast tape catalog --rebuild'.",
      cause: error,
    })
  }
}

/** Rows that are read at once: nobody holds a table open while others write. */
const pageRows = 1000

/** The later of two times until which something is kept; undefined is for good. */
export function later(a: Date | undefined, b: Date | undefined): Date | undefined {
  if (a === undefined || b === undefined) return undefined
  return a > b ? a : b
}
