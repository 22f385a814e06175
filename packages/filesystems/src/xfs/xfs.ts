import { volumeReader } from '../bytes/volume-reader.js'
import { entryStore, pathIn } from '../entry-store.js'
import { type FileRun, openRuns } from '../file/open-runs.js'
import type { ByteRange, ByteSource, CallOptions, Entry, Filesystem, OpenFile } from '../filesystem.js'
import { isFilesystemError, unsupported } from '../filesystem-error.js'
import { assertDirectory, assertFile, assertSymlink, findByPath } from '../find-by-path.js'
import { directoryRecords } from './directory.js'
import type { DirectoryRecord } from './directory-record.js'
import { readAttributes } from './extended-attributes.js'
import { forkExtents } from './fork-extents.js'
import { type Inode, readInode } from './inode.js'
import { readLogState } from './log-state.js'
import { readSuperblock, type Superblock } from './superblock.js'
import { readSymlink } from './symlink.js'
import { type XfsVolume, xfsVolume } from './volume.js'

/**
 * Opens XFS of version 4 or 5. The log is not replayed: what only it holds is not seen, and a note says so.
 *
 * @throws FilesystemError `unrecognised`, `unsupported`, `damaged`, `read`
 */
export async function openXfs(source: ByteSource, options: CallOptions): Promise<Filesystem> {
  const reader = volumeReader(source)
  const superblock = await readSuperblock(reader, options)
  const volume = xfsVolume(reader, superblock)
  const known = entryStore<{ readonly inode: number }>()
  const inodeOf = async (entry: Entry, callOptions: CallOptions) =>
    await readInode(volume, known.of(entry).inode, callOptions)
  const { type, sizeBytes, metadata } = await readInode(volume, superblock.rootInode, options)
  const root = known.add({ path: '/', name: '', type, sizeBytes, metadata }, { inode: superblock.rootInode })
  assertDirectory(root)

  const entryOf = async (directory: Entry, record: DirectoryRecord, callOptions: CallOptions): Promise<Entry> => {
    const names = { path: pathIn(directory, record.name), name: record.name }
    try {
      const inode = await readInode(volume, record.inode, callOptions)
      return known.add({ ...names, type: inode.type, sizeBytes: inode.sizeBytes, metadata: inode.metadata }, record)
    } catch (problem) {
      if (!isFilesystemError(problem) || problem.code !== 'damaged') throw problem
      return { ...names, type: 'other', sizeBytes: 0, metadata: { inode: record.inode }, problem }
    }
  }

  async function* list(directory: Entry, callOptions: CallOptions): AsyncGenerator<Entry, void, undefined> {
    assertDirectory(directory)
    for await (const record of directoryRecords(volume, await inodeOf(directory, callOptions), callOptions))
      yield await entryOf(directory, record, callOptions)
  }

  const compared = superblock.ignoresCase ? lowerCase : (name: string) => name
  const lookup = async (directory: Entry, name: string, callOptions: CallOptions) => {
    const wanted = compared(name)
    for await (const record of directoryRecords(volume, await inodeOf(directory, callOptions), callOptions))
      if (compared(record.name) === wanted) return await entryOf(directory, record, callOptions)
    return undefined
  }

  return {
    kind: 'xfs',
    ...(superblock.label !== '' && { label: superblock.label }),
    uuid: superblock.uuid,
    sizeBytes: superblock.blocks * superblock.blockBytes,
    notes: await notes(volume, options),
    root,
    list,
    find: (path, callOptions) => findByPath(root, path, lookup, callOptions),
    readLink: async (link, callOptions) => {
      assertSymlink(link)
      return await readSymlink(volume, await inodeOf(link, callOptions), callOptions)
    },
    open: async (file, callOptions) => {
      callOptions.signal.throwIfAborted()
      assertFile(file)
      return openFile(volume, await inodeOf(file, callOptions), file.path)
    },
    extendedAttributes: async (entry, callOptions) =>
      await readAttributes(volume, await inodeOf(entry, callOptions), callOptions),
  }
}

function openFile(volume: XfsVolume, { number, sizeBytes, data, isRealtime }: Inode, path: string): OpenFile {
  const place = { inode: number, path }
  if (isRealtime) throw unsupported('The content of the file lies on the real-time device, which is not read.', place)
  if (data.format !== 'extents' && data.format !== 'tree')
    throw unsupported(`The content of the file is stored as a fork of the format ${data.format}, which is not read.`, {
      inode: number,
      path,
    })
  return openRuns(volume.reader, {
    sizeBytes,
    runs: (range, options) => fileRuns(volume, { number, data }, range, options),
    place,
  })
}

async function* fileRuns(
  volume: XfsVolume,
  { number, data }: Pick<Inode, 'number' | 'data'>,
  { offset, length }: ByteRange,
  options: CallOptions,
): AsyncGenerator<FileRun, void, undefined> {
  const { blockBytes } = volume.superblock
  const range = { start: Math.floor(offset / blockBytes), end: Math.ceil((offset + length) / blockBytes) }
  for await (const extent of forkExtents(volume, data, { inode: number, range }, options)) {
    const at = volume.byteOf(extent.block, extent.count, { inode: number })
    yield {
      offset: extent.start * blockBytes,
      length: extent.count * blockBytes,
      ...(!extent.isUnwritten && { at }),
    }
  }
}

async function notes(volume: XfsVolume, options: CallOptions): Promise<readonly string[]> {
  const { hasRealtimeDevice, needsRepair, version }: Superblock = volume.superblock
  const log = await readLogState(volume, options)
  return [
    ...(log === 'dirty' ? ['The log has not been replayed: the latest changes may be missing.'] : []),
    ...(log === 'elsewhere' ? ['The log is on a device of its own, so whether it holds changes is not known.'] : []),
    ...(needsRepair ? ['The file system waits for xfs_repair.'] : []),
    ...(hasRealtimeDevice ? ['Files on the real-time device are not read.'] : []),
    ...(version === 4 ? ['Version 4 has no checksums: damage may go unnoticed.'] : []),
  ]
}

/** The letters whose case does not count where case does not count. */
function lowerCase(name: string): string {
  return name.replace(/[A-Z]/g, (letter) => letter.toLowerCase())
}
