import { volumeReader } from '../bytes/volume-reader.js'
import { entryStore, pathIn } from '../entry-store.js'
import { openInline, openRuns } from '../file/open-runs.js'
import type { ByteSource, CallOptions, Entry, Filesystem } from '../filesystem.js'
import { damaged } from '../filesystem-error.js'
import { assertDirectory, assertFile, assertSymlink, findByPath } from '../find-by-path.js'
import { allocationTable } from './allocation-table.js'
import { readGeometry } from './boot-sector.js'
import { chainMap } from './chain-map.js'
import { type DirectoryPlace, readDirectory } from './directory.js'
import type { FatEntry } from './directory-entries.js'
import { fatNotes } from './notes.js'
import { isSameName } from './same-name.js'

/** What is known of an entry: where a file's or directory's clusters begin. */
type Known = DirectoryPlace & Partial<Pick<FatEntry, 'shortName'>>

/**
 * Opens a FAT12, FAT16 or FAT32 file system.
 *
 * @throws FilesystemError `damaged`, `unsupported`, `limit`, `read`
 */
export async function openFat(source: ByteSource, options: CallOptions): Promise<Filesystem> {
  const reader = volumeReader(source)
  const geometry = await readGeometry(reader, options)
  const table = allocationTable(reader, geometry)
  const volume = { reader, geometry, table }
  const store = entryStore<Known>()
  const root = store.add({ path: '/', name: '', type: 'directory', sizeBytes: 0, metadata: {} }, geometry.root)

  async function* list(directory: Entry, call: CallOptions): AsyncIterable<Entry> {
    assertDirectory(directory)
    for await (const found of readDirectory(volume, store.of(directory), directory.path, call)) {
      if (found.isLabel) continue
      const { name, metadata, shortName } = found
      if (name === '') throw damaged(`${directory.path} has an entry without name`, { path: directory.path })
      const type = found.isDirectory ? 'directory' : 'file'
      const sizeBytes = found.isDirectory ? 0 : found.sizeBytes
      const entry = { path: pathIn(directory, name), name, type, sizeBytes, metadata } as const
      yield store.add(entry, { cluster: found.firstCluster, shortName })
    }
  }

  const lookup = async (directory: Entry, wanted: string, call: CallOptions): Promise<Entry | undefined> => {
    for await (const entry of list(directory, call))
      if (isSameName(entry.name, wanted) || isSameName(store.of(entry).shortName ?? '', wanted)) return entry
    return undefined
  }

  const label = await labelOf()
  async function labelOf(): Promise<string> {
    for await (const entry of readDirectory(volume, geometry.root, '/', options))
      if (entry.isLabel) return entry.shortName
    return geometry.label
  }

  return {
    kind: 'fat',
    ...(label !== '' && { label }),
    uuid: serialText(geometry.serial),
    sizeBytes: geometry.sizeBytes,
    notes: await fatNotes(geometry, table, options),
    root,
    list,
    find: (path, call) => findByPath(root, path, lookup, call),
    readLink: async (link) => {
      assertSymlink(link)
      return ''
    },
    open: async (file) => {
      assertFile(file)
      const { sizeBytes, path } = file
      if (sizeBytes === 0) return openInline(new Uint8Array(0))
      const known = store.of(file)
      const firstCluster = 'cluster' in known ? known.cluster : 0
      return openRuns(reader, chainMap(geometry, table, { firstCluster, sizeBytes, place: { path } }))
    },
  }
}

/** Serial number of the volume as DOS shows it. */
function serialText(serial: number): string {
  return serial
    .toString(16)
    .toUpperCase()
    .padStart(8, '0')
    .replace(/^(.{4})/, '$1-')
}
