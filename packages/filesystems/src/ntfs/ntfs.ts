import { volumeReader } from '../bytes/volume-reader.js'
import { entryStore, pathIn } from '../entry-store.js'
import type { AlternateStream, ByteSource, CallOptions, Entry, Filesystem, OpenFile } from '../filesystem.js'
import { damaged, FilesystemError, isFilesystemError, unsupported } from '../filesystem-error.js'
import { assertDirectory, assertFile, assertSymlink, findByPath } from '../find-by-path.js'
import { nameFromText, nameToText } from '../names/name-bytes.js'
import { attributeTypes } from './attribute.js'
import { attributeBytes, openAttribute, readAttribute } from './attribute-content.js'
import { attributeOf } from './attribute-set.js'
import { bootSectorBytes, decodeBootSector } from './boot-sector.js'
import { type IndexedFile, indexedFiles } from './directory-index.js'
import { decodeExtendedAttributes } from './extended-attributes.js'
import { type FileFacts, readFacts } from './file-facts.js'
import type { FileReference } from './file-record.js'
import { openTable } from './mft.js'
import { type NameOrder, readNameOrder } from './name-order.js'
import { keptBy, linkTarget } from './reparse-point.js'
import { anyUseOf, type NtfsVolume } from './volume.js'
import { isLogPending, readVolumeState } from './volume-state.js'

const rootRecord = 5
/** Records of the file system's own files, which directories list though nobody put them there. */
const ownRecords = 16
const mostExtendedBytes = 65_536

/**
 * Opens NTFS. The log is not replayed: what only it holds is not seen, and a note says so.
 *
 * @throws FilesystemError `unrecognised`, `unsupported`, `damaged`, `read`
 */
export async function openNtfs(source: ByteSource, options: CallOptions): Promise<Filesystem> {
  const reader = volumeReader(source)
  if (source.sizeBytes < bootSectorBytes)
    throw new FilesystemError('unrecognised', 'The volume is too small for NTFS.', { offset: 0 })
  const boot = decodeBootSector(
    await reader.structure(0, bootSectorBytes, 'the boot sector', options),
    source.sizeBytes,
  )
  const { volume, usesMirror } = await openTable(reader, boot, options)
  const state = await readVolumeState(volume, options)
  const known = entryStore<FileReference>()
  const factsOf = async (entry: Entry, callOptions: CallOptions) =>
    await readFacts(volume, known.of(entry), callOptions)

  const rootFacts = await readFacts(volume, anyUseOf(rootRecord), options)
  const { type, metadata } = rootFacts
  const root = known.add({ path: '/', name: '', type, sizeBytes: 0, metadata }, anyUseOf(rootRecord))
  assertDirectory(root)

  const entryOf = async (
    directory: Entry,
    { reference, fileName }: IndexedFile,
    callOptions: CallOptions,
  ): Promise<Entry> => {
    const name = nameFromText(fileName.name)
    const names = { path: pathIn(directory, name), name }
    try {
      const facts = await readFacts(volume, reference, callOptions)
      return known.add({ ...names, type: facts.type, sizeBytes: facts.sizeBytes, metadata: facts.metadata }, reference)
    } catch (problem) {
      if (!isFilesystemError(problem) || problem.code !== 'damaged') throw problem
      return { ...names, type: 'other', sizeBytes: 0, metadata: { inode: reference.number }, problem }
    }
  }

  async function* list(directory: Entry, callOptions: CallOptions): AsyncGenerator<Entry, void, undefined> {
    assertDirectory(directory)
    const facts = await factsOf(directory, callOptions)
    for await (const file of indexedFiles(volume, facts, callOptions))
      if (!file.fileName.isShort && file.reference.number >= ownRecords)
        yield await entryOf(directory, file, callOptions)
  }

  let order: NameOrder | undefined
  const lookup = async (directory: Entry, name: string, callOptions: CallOptions) => {
    order ??= await readNameOrder(volume, callOptions)
    const compare = order
    const wanted = nameToText(name)
    const facts = await factsOf(directory, callOptions)
    let found: IndexedFile | undefined
    // Names that differ in case only are neighbours; the one that is meant to the letter is preferred.
    for await (const file of indexedFiles(volume, facts, callOptions, (other) => compare(other, wanted))) {
      if (found === undefined || file.fileName.name === wanted) found = file
      if (file.fileName.name === wanted) break
    }
    return found && found.reference.number !== rootRecord ? await entryOf(directory, found, callOptions) : undefined
  }

  return {
    kind: 'ntfs',
    ...(state.label !== '' && { label: state.label }),
    uuid: boot.serial,
    sizeBytes: boot.sizeBytes,
    notes: [
      ...(state.isDirty ? ['The volume is marked to be checked (chkdsk).'] : []),
      ...((await isLogPending(volume, options))
        ? ['The log has not been replayed: the latest changes may be missing.']
        : []),
      ...(usesMirror ? ['The beginning of the file table is damaged; its mirror is used.'] : []),
    ],
    root,
    list,
    find: (path, callOptions) => findByPath(root, path, lookup, callOptions),
    readLink: async (link, callOptions) => {
      assertSymlink(link)
      const { reparse, inode } = await factsOf(link, callOptions)
      if (reparse === undefined) throw damaged('a symbolic link leads nowhere', { inode })
      return linkTarget(reparse, { inode })
    },
    open: async (file, callOptions) => {
      callOptions.signal.throwIfAborted()
      assertFile(file)
      return await openContent(volume, await factsOf(file, callOptions), file.path, callOptions)
    },
    streams: async (entry, callOptions) => await streamsOf(volume, await factsOf(entry, callOptions), callOptions),
    extendedAttributes: async (entry, callOptions) => {
      const { inode, attributes } = await factsOf(entry, callOptions)
      const parts = attributeOf(attributes, attributeTypes.extendedAttributes)
      if (parts === undefined) return new Map()
      const bytes = await readAttribute(volume, inode, parts, mostExtendedBytes, callOptions)
      return decodeExtendedAttributes(bytes, inode)
    },
  }
}

async function openContent(
  volume: NtfsVolume,
  { inode, attributes, reparse, isElsewhere }: FileFacts,
  path: string,
  options: CallOptions,
): Promise<OpenFile> {
  const keeper = reparse && keptBy(reparse)
  if (keeper !== undefined)
    throw unsupported(`The content of the file is kept by ${keeper}, which is not read.`, { inode, path })
  if (isElsewhere === true)
    throw unsupported('The content of the file is kept elsewhere: it is offline.', { inode, path })
  const parts = attributeOf(attributes, attributeTypes.data)
  if (parts === undefined) throw damaged('the file has no content, not even an empty one', { inode, path })
  return await openAttribute(volume, { inode, parts, reader: volume.reader }, options)
}

async function streamsOf(
  volume: NtfsVolume,
  { inode, attributes }: FileFacts,
  options: CallOptions,
): Promise<readonly AlternateStream[]> {
  const streams: AlternateStream[] = []
  for (const { type, name, parts } of attributes) {
    if (type !== attributeTypes.data || name === '') continue
    streams.push({
      name: nameFromText(name),
      sizeBytes: await attributeBytes(parts, options),
      open: async (callOptions) => await openAttribute(volume, { inode, parts, reader: volume.reader }, callOptions),
    })
  }
  return streams
}
