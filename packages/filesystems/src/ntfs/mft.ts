import type { VolumeReader } from '../bytes/volume-reader.js'
import type { CallOptions } from '../filesystem.js'
import { damaged, FilesystemError, isFilesystemError } from '../filesystem-error.js'
import { type Attribute, attributeTypes, type StoredContent } from './attribute.js'
import { readAttribute } from './attribute-content.js'
import { decodeAttributeList } from './attribute-list.js'
import type { BootSector } from './boot-sector.js'
import { decodeFileRecord, type FileRecord } from './file-record.js'
import { type ClusterRun, decodeRuns } from './run-list.js'
import { anyUseOf, cachedReader, type NtfsVolume } from './volume.js'

/** The volume, and whether its file table had to be found by the mirror of its beginning. */
export interface OpenedTable {
  readonly volume: NtfsVolume
  readonly usesMirror: boolean
}

const mostRuns = 2 ** 20
const mostListBytes = 2 ** 18

/**
 * Opens the master file table, which is a file in itself: its first record says where the others are.
 *
 * @throws FilesystemError `damaged`, `limit`, `read`
 */
export async function openTable(reader: VolumeReader, boot: BootSector, options: CallOptions): Promise<OpenedTable> {
  const { record, usesMirror } = await firstRecord(reader, boot, options)
  const runs: ClusterRun[] = []
  const { clusterBytes, recordBytes } = boot
  const readNumbered = async (number: number, callOptions: CallOptions) => {
    const bytes = new Uint8Array(recordBytes)
    let offset = 0
    for (let done = 0; done < recordBytes; ) {
      const at = number * recordBytes + done
      const run = runAt(runs, Math.floor(at / clusterBytes))
      if (run?.cluster === undefined) throw damaged(`the file table has no record ${number}`, { inode: number })
      const within = at - run.start * clusterBytes
      const length = Math.min(recordBytes - done, run.count * clusterBytes - within)
      offset = run.cluster * clusterBytes + within
      bytes.set(await reader.structure(offset, length, `file record ${number}`, callOptions), done)
      done += length
    }
    return decodeFileRecord(bytes, number, offset)
  }
  const volume: NtfsVolume = {
    reader,
    cached: cachedReader(reader),
    boot,
    record: async ({ number, sequence }, callOptions) => {
      callOptions.signal.throwIfAborted()
      const found = await readNumbered(number, callOptions)
      const { isInUse } = found
      if (!isInUse || (sequence !== 0 && sequence !== found.sequence))
        throw damaged(`file record ${number} is free or belongs to another file by now`, { inode: number })
      return found
    },
  }
  // A record that continues the first one lies where the runs before say.
  for await (const content of tableParts(volume, record, options)) {
    if (content.firstCluster !== (runs.at(-1)?.start ?? 0) + (runs.at(-1)?.count ?? 0))
      throw damaged('the parts of the file table are not in order', { inode: 0 })
    for (const run of decodeRuns(content, boot.clusters, { inode: 0 })) {
      runs.push(run)
      if (runs.length > mostRuns)
        throw new FilesystemError('limit', 'The file table is in more pieces than are read.', { inode: 0 })
    }
  }
  return { volume, usesMirror }
}

/** Reads the record of the table itself, from the mirror when it is damaged. */
async function firstRecord(reader: VolumeReader, boot: BootSector, options: CallOptions) {
  const read = async (cluster: number) => {
    const offset = cluster * boot.clusterBytes
    const bytes = await reader.structure(offset, boot.recordBytes, 'the first file record', options)
    return decodeFileRecord(bytes, 0, offset)
  }
  try {
    return { record: await read(boot.mftCluster), usesMirror: false }
  } catch (error) {
    if (!isFilesystemError(error) || error.code !== 'damaged') throw error
    try {
      return { record: await read(boot.mftMirrorCluster), usesMirror: true }
    } catch {
      options.signal.throwIfAborted()
      throw error
    }
  }
}

async function* tableParts(
  volume: NtfsVolume,
  record: FileRecord,
  options: CallOptions,
): AsyncGenerator<StoredContent> {
  const list = record.attributes.find(({ type }) => type === attributeTypes.attributeList)
  if (list === undefined) {
    yield storedData(record.attributes)
    return
  }
  const parts = [{ firstCluster: 0, load: async () => list }]
  const bytes = await readAttribute(volume, 0, parts, mostListBytes, options)
  for (const entry of decodeAttributeList(bytes, 0)) {
    if (entry.type !== attributeTypes.data || entry.name !== '') continue
    const holder = entry.record.number === 0 ? record : await volume.record(anyUseOf(entry.record.number), options)
    yield storedData(holder.attributes.filter(({ instance }) => instance === entry.instance))
  }
}

function storedData(attributes: readonly Attribute[]): StoredContent {
  const found = attributes.find(({ type, name }) => type === attributeTypes.data && name === '')
  if (found?.content.kind === 'stored') return found.content
  throw damaged('the file table does not say where it is', { inode: 0 })
}

/** Finds the run that has a cluster, by halves. */
function runAt(runs: readonly ClusterRun[], cluster: number): ClusterRun | undefined {
  let low = 0
  let high = runs.length - 1
  while (low < high) {
    const middle = Math.ceil((low + high) / 2)
    if ((runs[middle]?.start ?? 0) <= cluster) low = middle
    else high = middle - 1
  }
  const run = runs[low]
  return run !== undefined && cluster >= run.start && cluster < run.start + run.count ? run : undefined
}
