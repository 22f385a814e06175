import type { VolumeReader } from '../bytes/volume-reader.js'
import { type FileRun, openInline, openRuns } from '../file/open-runs.js'
import type { ByteRange, CallOptions, OpenFile } from '../filesystem.js'
import { damaged, FilesystemError, unsupported } from '../filesystem-error.js'
import type { StoredContent } from './attribute.js'
import type { AttributePart } from './attribute-set.js'
import { openCompressed } from './compressed-content.js'
import { type ClusterRun, decodeRuns } from './run-list.js'
import type { NtfsVolume } from './volume.js'

/** Clusters of an attribute, `end` not among them. */
export interface ClusterRange {
  readonly start: number
  readonly end: number
}

/** Yields the runs of an attribute that touch a range, in ascending order and without gaps. */
export type RunsOf = (range: ClusterRange, options: CallOptions) => AsyncIterable<ClusterRun>

/** Size of an attribute. @throws FilesystemError `damaged`, `read` */
export async function attributeBytes(parts: readonly AttributePart[], options: CallOptions): Promise<number> {
  const { content } = await firstPart(parts, options)
  return content.kind === 'resident' ? content.bytes.byteLength : content.sizeBytes
}

/**
 * Opens the content of an attribute.
 *
 * @param reader what content is read by: metadata by way of the cache
 * @throws FilesystemError `unsupported`, `damaged`, `read`
 */
export async function openAttribute(
  volume: NtfsVolume,
  {
    inode,
    parts,
    reader,
  }: { readonly inode: number; readonly parts: readonly AttributePart[]; readonly reader: VolumeReader },
  options: CallOptions,
): Promise<OpenFile> {
  const { content, flags } = await firstPart(parts, options)
  const place = { inode }
  if (flags.isEncrypted) throw unsupported('The content is encrypted by the guest (EFS), which is not read.', place)
  if (content.kind === 'resident') return openInline(content.bytes)
  const { clusterBytes } = volume.boot
  const { sizeBytes, initializedBytes } = content
  if (initializedBytes > sizeBytes) throw damaged('an attribute claims more content than its size', place)
  const runsOf = joinedRuns(volume, inode, parts)
  if (flags.compression === 0) {
    const runs = (range: ByteRange, callOptions: CallOptions) =>
      storedRuns(runsOf, { range, initializedBytes, clusterBytes }, callOptions)
    return openRuns(reader, { sizeBytes, runs, place })
  }
  if (flags.compression !== 1)
    throw unsupported(`The content is compressed by the method ${flags.compression}, which is not read.`, place)
  const { unitClusters, allocatedBytes } = content
  const clusters = Math.ceil(allocatedBytes / clusterBytes)
  return openCompressed(reader, { runsOf, sizeBytes, initializedBytes, clusterBytes, clusters, unitClusters, place })
}

/** Reads the whole of a small attribute. @throws FilesystemError `limit`, `damaged`, `read` */
export async function readAttribute(
  volume: NtfsVolume,
  inode: number,
  parts: readonly AttributePart[],
  mostBytes: number,
  options: CallOptions,
): Promise<Uint8Array> {
  const content = await openAttribute(volume, { inode, parts, reader: volume.cached }, options)
  if (content.sizeBytes > mostBytes)
    throw new FilesystemError(
      'limit',
      `An attribute of ${content.sizeBytes} bytes is larger than the ${mostBytes} read.`,
      {
        inode,
      },
    )
  const bytes = new Uint8Array(content.sizeBytes)
  await content.read(0, bytes, options)
  return bytes
}

async function firstPart(parts: readonly AttributePart[], options: CallOptions) {
  const first = parts[0]
  if (first === undefined || first.firstCluster !== 0) throw damaged('an attribute lacks its beginning')
  return await first.load(options)
}

function joinedRuns(volume: NtfsVolume, inode: number, parts: readonly AttributePart[]): RunsOf {
  return async function* (range, options) {
    const first = Math.max(
      0,
      parts.findLastIndex(({ firstCluster }) => firstCluster <= range.start),
    )
    let next: number | undefined
    for (const part of parts.slice(first)) {
      if (part.firstCluster >= range.end) return
      options.signal.throwIfAborted()
      const content = storedPart((await part.load(options)).content, inode)
      if (next !== undefined && content.firstCluster !== next)
        throw damaged(`an attribute lacks its clusters from ${next} on`, { inode })
      next = content.endCluster
      for (const run of decodeRuns(content, volume.boot.clusters, { inode })) {
        if (run.start >= range.end) return
        if (run.start + run.count > range.start) yield run
      }
    }
    if (next !== undefined && next < range.end) throw damaged(`an attribute has no clusters from ${next} on`, { inode })
  }
}

function storedPart(content: { readonly kind: 'resident' } | StoredContent, inode: number): StoredContent {
  if (content.kind === 'stored') return content
  throw damaged('an attribute is in its record in part only', { inode })
}

async function* storedRuns(
  runsOf: RunsOf,
  {
    range: { offset, length },
    initializedBytes,
    clusterBytes,
  }: { readonly range: ByteRange; readonly initializedBytes: number; readonly clusterBytes: number },
  options: CallOptions,
): AsyncGenerator<FileRun> {
  const endByte = Math.min(offset + length, initializedBytes)
  if (endByte <= offset) return
  const clusters = { start: Math.floor(offset / clusterBytes), end: Math.ceil(endByte / clusterBytes) }
  for await (const { start, count, cluster } of runsOf(clusters, options)) {
    if (cluster === undefined) continue
    const from = start * clusterBytes
    const to = Math.min((start + count) * clusterBytes, initializedBytes)
    yield { offset: from, length: to - from, at: cluster * clusterBytes }
  }
}
