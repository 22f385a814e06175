import { volumeReader } from '../bytes/volume-reader.js'
import { entryStore, pathIn } from '../entry-store.js'
import type { ByteSource, CallOptions, Entry, Filesystem } from '../filesystem.js'
import { damaged, isFilesystemError } from '../filesystem-error.js'
import { assertDirectory, assertFile, assertSymlink, findByPath } from '../find-by-path.js'
import { nameFromBytes } from '../names/name-bytes.js'
import { openContent } from './content.js'
import { readDirectory } from './directory.js'
import { type ExtVolume, extVolume } from './ext-volume.js'
import { readAttributes } from './extended-attributes.js'
import { incompatible } from './features.js'
import { type Inode, inodeFlags } from './inode.js'
import { replayJournal } from './journal/replay-journal.js'
import { isSameName } from './same-name.js'
import { readSuperblock } from './superblock.js'
import { readSymlink } from './symlink.js'

const rootInode = 2

/**
 * Opens an ext2, ext3 or ext4 file system.
 *
 * @throws FilesystemError `damaged`, `unsupported`, `limit`, `read`
 */
export async function openExt(source: ByteSource, options: CallOptions): Promise<Filesystem> {
  const { volume, notes } = await openVolume(source, options)
  const { superblock } = volume
  const store = entryStore<Inode>()
  const entryOf = (path: string, name: string, inode: Inode): Entry => {
    const { type, sizeBytes, metadata } = inode
    return store.add({ path, name, type, sizeBytes, metadata }, inode)
  }
  const rootOf = await volume.inode(rootInode, options)
  if (rootOf.type !== 'directory')
    throw damaged('the root of the ext file system is no directory', { inode: rootInode })
  const root = entryOf('/', '', rootOf)

  const entryIn = async (directory: Entry, name: string, number: number, call: CallOptions): Promise<Entry> => {
    const path = pathIn(directory, name)
    try {
      return entryOf(path, name, await volume.inode(number, call))
    } catch (problem) {
      if (!isFilesystemError(problem) || problem.code !== 'damaged') throw problem
      return { path, name, type: 'other', sizeBytes: 0, metadata: { inode: number }, problem }
    }
  }

  async function* list(directory: Entry, call: CallOptions): AsyncIterable<Entry> {
    assertDirectory(directory)
    for await (const { name: bytes, inode } of readDirectory(volume, store.of(directory), call)) {
      const name = nameFromBytes(bytes)
      yield await entryIn(directory, name, inode, call)
    }
  }

  const lookup = async (directory: Entry, wanted: string, call: CallOptions): Promise<Entry | undefined> => {
    const inode = store.of(directory)
    const folds = (inode.flags & inodeFlags.casefold) !== 0
    for await (const found of readDirectory(volume, inode, call)) {
      const name = nameFromBytes(found.name)
      if (isSameName(name, wanted, folds)) return await entryIn(directory, name, found.inode, call)
    }
    return undefined
  }

  return {
    kind: 'ext',
    ...(superblock.label !== '' && { label: superblock.label }),
    uuid: superblock.uuid,
    sizeBytes: superblock.blockCount * superblock.blockBytes,
    notes,
    root,
    list,
    find: (path, call) => findByPath(root, path, lookup, call),
    readLink: async (link, call) => {
      assertSymlink(link)
      return await readSymlink(volume, store.of(link), call)
    },
    open: async (file) => {
      assertFile(file)
      return openContent(volume, store.of(file))
    },
    extendedAttributes: async (entry, call) =>
      await readAttributes(
        volume,
        store.of(entry),
        async (inode, into) => openContent(volume, inode).read(0, into, call),
        call,
      ),
  }
}

/** Opens what the journal makes of the volume, where it must be replayed. */
async function openVolume(
  source: ByteSource,
  options: CallOptions,
): Promise<{ readonly volume: ExtVolume; readonly notes: readonly string[] }> {
  const volume = await volumeOf(source, options)
  const { features, state } = volume.superblock
  const notes = (state & 2) === 0 ? [] : ['The file system has recorded errors; a check with e2fsck is due.']
  if ((features.incompatible & incompatible.recover) !== 0) {
    const replayed = await replayJournal(source, volume, options)
    return { volume: await volumeOf(replayed.source, options), notes: [replayed.note, ...notes] }
  }
  if ((state & 1) === 0) notes.unshift('The file system was not unmounted cleanly.')
  return { volume, notes }
}

async function volumeOf(source: ByteSource, options: CallOptions): Promise<ExtVolume> {
  const reader = volumeReader(source)
  return extVolume(reader, await readSuperblock(reader, options))
}
