import type { VolumeReader } from '../bytes/volume-reader.js'
import { assertInFile } from '../file/open-runs.js'
import type { ByteRange, CallOptions, OpenFile } from '../filesystem.js'
import { damaged, type Place } from '../filesystem-error.js'
import type { ClusterRange, RunsOf } from './attribute-content.js'
import { decompressLznt1 } from './lznt1.js'
import type { ClusterRun } from './run-list.js'

/** Content that is compressed in units of clusters. */
export interface CompressedContent {
  readonly runsOf: RunsOf
  readonly sizeBytes: number
  readonly initializedBytes: number
  readonly clusterBytes: number
  /** All clusters of the content, holes among them. */
  readonly clusters: number
  readonly unitClusters: number
  readonly place: Place
}

/** Windows makes units of 64 KiB at most. */
const mostUnitBytes = 2 ** 20

/**
 * Opens compressed content.
 *
 * A unit whose clusters are all there is stored as it is; one that has fewer is compressed into those; one without any is a
 * hole. The unit that was read last is kept.
 *
 * @throws FilesystemError `damaged`
 */
export function openCompressed(reader: VolumeReader, content: CompressedContent): OpenFile {
  const { sizeBytes, initializedBytes, clusterBytes, unitClusters, place } = content
  const unitBytes = unitClusters * clusterBytes
  if (unitClusters < 2 || unitBytes > mostUnitBytes)
    throw damaged(`compressed content claims units of ${unitBytes} bytes`, place)
  let kept: { readonly index: number; readonly bytes: Uint8Array } | undefined
  const unitOf = async (index: number, options: CallOptions) => {
    if (kept?.index === index) return kept.bytes
    const bytes = await readUnit(reader, content, index, options)
    kept = { index, bytes }
    return bytes
  }
  return {
    sizeBytes,
    dataRanges: (options) => dataRanges(content, unitBytes, options),
    read: async (offset, into, options) => {
      assertInFile(offset, into.byteLength, sizeBytes)
      options.signal.throwIfAborted()
      const end = Math.min(offset + into.byteLength, initializedBytes)
      into.fill(0, Math.max(0, end - offset))
      for (let at = offset; at < end; ) {
        const index = Math.floor(at / unitBytes)
        const part = (await unitOf(index, options)).subarray(at - index * unitBytes, end - index * unitBytes)
        into.set(part, at - offset)
        at += part.byteLength
      }
    },
  }
}

async function readUnit(
  reader: VolumeReader,
  content: CompressedContent,
  index: number,
  options: CallOptions,
): Promise<Uint8Array> {
  const { clusterBytes, unitClusters, clusters, place } = content
  const range = { start: index * unitClusters, end: Math.min((index + 1) * unitClusters, clusters) }
  if (range.end <= range.start) throw damaged('compressed content is larger than its clusters', place)
  const unit = new Uint8Array(unitClusters * clusterBytes)
  const packed = new Uint8Array((range.end - range.start) * clusterBytes)
  let done = 0
  for await (const { cluster, count } of clippedRuns(content.runsOf, range, options)) {
    if (cluster === undefined) continue
    await reader.content(cluster * clusterBytes, packed.subarray(done, done + count * clusterBytes), options)
    done += count * clusterBytes
  }
  if (done === packed.byteLength) {
    unit.set(packed)
    return unit
  }
  decompressLznt1(packed.subarray(0, done), unit, place)
  return unit
}

async function* clippedRuns(runsOf: RunsOf, range: ClusterRange, options: CallOptions): AsyncGenerator<ClusterRun> {
  for await (const { start, count, cluster } of runsOf(range, options)) {
    const from = Math.max(start, range.start)
    const to = Math.min(start + count, range.end)
    yield { start: from, count: to - from, ...(cluster !== undefined && { cluster: cluster + from - start }) }
  }
}

/** A unit that has any cluster is data to its end. */
async function* dataRanges(
  { runsOf, initializedBytes, clusters, unitClusters }: CompressedContent,
  unitBytes: number,
  options: CallOptions,
): AsyncGenerator<ByteRange, void, undefined> {
  const units = Math.ceil(initializedBytes / unitBytes)
  let from = 0
  let end = 0
  const range = { start: 0, end: Math.min(units * unitClusters, clusters) }
  for await (const { start, count, cluster } of clippedRuns(runsOf, range, options)) {
    options.signal.throwIfAborted()
    if (cluster === undefined) continue
    const first = Math.floor(start / unitClusters) * unitBytes
    if (first > end) {
      if (end > from) yield { offset: from, length: end - from }
      from = first
    }
    end = Math.ceil((start + count) / unitClusters) * unitBytes
  }
  end = Math.min(end, initializedBytes)
  if (end > from) yield { offset: from, length: end - from }
}
