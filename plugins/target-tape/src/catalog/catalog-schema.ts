/** Tables of the catalog. `user_version` 1; it can be made anew from the cartridges, so that it is never migrated. */
export const catalogSchema = `
PRAGMA busy_timeout = 30000;
PRAGMA journal_mode = WAL;
CREATE TABLE IF NOT EXISTS sets (
  id TEXT PRIMARY KEY,
  pool TEXT NOT NULL,
  created_at TEXT NOT NULL,
  keep_until TEXT,
  is_dropped INTEGER NOT NULL DEFAULT 0,
  is_sure INTEGER NOT NULL
) STRICT;
CREATE TABLE IF NOT EXISTS cartridges (
  id TEXT PRIMARY KEY,
  barcode TEXT NOT NULL,
  label TEXT NOT NULL,
  set_id TEXT,
  sequence INTEGER,
  files INTEGER NOT NULL,
  is_full INTEGER NOT NULL,
  used_bytes INTEGER NOT NULL
) STRICT;
CREATE TABLE IF NOT EXISTS media (
  barcode TEXT PRIMARY KEY,
  state TEXT NOT NULL,
  cartridge TEXT,
  location TEXT
) STRICT;
CREATE TABLE IF NOT EXISTS objects (
  set_id TEXT NOT NULL,
  key TEXT NOT NULL,
  size INTEGER NOT NULL,
  sha256 TEXT NOT NULL,
  cartridge TEXT NOT NULL,
  file INTEGER NOT NULL,
  offset INTEGER NOT NULL,
  stored_at TEXT NOT NULL,
  lookup INTEGER NOT NULL,
  PRIMARY KEY (set_id, key)
) STRICT, WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS objects_on_cartridge ON objects (cartridge, file, offset);
`
