import { DatabaseSync } from 'node:sqlite'

/** An object as it is stored. */
export interface StoredObject {
  readonly key: string
  /** Names the pieces that are its content. */
  readonly upload: string
  readonly sizeBytes: number
  readonly modifiedMs: number
}

/** The two tables of the target: pieces come first, and one row in `objects` makes them visible. */
export interface ObjectTable {
  readonly addPiece: (upload: string, offset: number, bytes: Uint8Array) => void
  readonly dropPieces: (upload: string) => void
  /** Makes an upload visible as an object, or fails when the key is taken. */
  readonly publish: (object: StoredObject) => void
  readonly find: (key: string) => StoredObject | undefined
  /** The piece that holds the byte at `offset`, and where it starts. */
  readonly pieceAt: (
    upload: string,
    offset: number,
  ) => { readonly start: number; readonly bytes: Uint8Array } | undefined
  /** Objects in order of their keys, from behind `after`. */
  readonly page: (prefix: string, after: string) => readonly StoredObject[]
  readonly remove: (key: string) => void
  readonly close: () => void
}

/** Opens the file, made when it is missing. Every change is on disk when its call returns. */
export function openObjectTable(path: string): ObjectTable {
  const database = new DatabaseSync(path)
  database.exec(`
    PRAGMA busy_timeout = 10000;
    PRAGMA journal_mode = WAL;
    PRAGMA synchronous = FULL;
    CREATE TABLE IF NOT EXISTS objects
      (key TEXT PRIMARY KEY, upload TEXT NOT NULL, sizeBytes INTEGER NOT NULL, modifiedMs INTEGER NOT NULL) STRICT;
    CREATE TABLE IF NOT EXISTS pieces
      (upload TEXT, start INTEGER, bytes BLOB NOT NULL, PRIMARY KEY (upload, start)) STRICT;
  `)
  const addPiece = database.prepare('INSERT INTO pieces VALUES (?, ?, ?)')
  const dropPieces = database.prepare('DELETE FROM pieces WHERE upload = ?')
  const publish = database.prepare('INSERT INTO objects VALUES (?, ?, ?, ?)')
  const find = database.prepare('SELECT * FROM objects WHERE key = ?')
  const pieceAt = database.prepare('SELECT * FROM pieces WHERE upload = ? AND start <= ? ORDER BY start DESC LIMIT 1')
  const page = database.prepare('SELECT * FROM objects WHERE key > ? AND substr(key, 1, ?) = ? ORDER BY key LIMIT 100')
  const hide = database.prepare('DELETE FROM objects WHERE key = ? RETURNING *')
  return {
    addPiece: (upload, start, bytes) => void addPiece.run(upload, start, bytes),
    dropPieces: (upload) => void dropPieces.run(upload),
    publish: ({ key, upload, sizeBytes, modifiedMs }) => void publish.run(key, upload, sizeBytes, modifiedMs),
    find: (key) => objectOf(find.get(key)),
    pieceAt: (upload, offset) => {
      const row = pieceAt.get(upload, offset)
      const bytes = row?.['bytes']
      return bytes instanceof Uint8Array ? { start: Number(row?.['start']), bytes } : undefined
    },
    page: (prefix, after) => page.all(after, prefix.length, prefix).flatMap((row) => objectOf(row) ?? []),
    remove: (key) => {
      const hidden = objectOf(hide.get(key))
      if (hidden !== undefined) dropPieces.run(hidden.upload)
    },
    close: () => {
      if (database.isOpen) database.close()
    },
  }
}

function objectOf(row: Readonly<Record<string, unknown>> | undefined): StoredObject | undefined {
  if (row === undefined) return undefined
  return {
    key: String(row['key']),
    upload: String(row['upload']),
    sizeBytes: Number(row['sizeBytes']),
    modifiedMs: Number(row['modifiedMs']),
  }
}
