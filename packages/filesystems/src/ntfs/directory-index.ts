import { fields } from '../bytes/fields.js'
import type { CallOptions, OpenFile } from '../filesystem.js'
import { damaged, unsupported } from '../filesystem-error.js'
import { attributeTypes } from './attribute.js'
import { openAttribute, readAttribute } from './attribute-content.js'
import { type AttributeParts, attributeOf } from './attribute-set.js'
import type { FileName } from './file-name.js'
import type { FileReference } from './file-record.js'
import { applyFixups } from './fixups.js'
import { nodeEntries } from './index-node.js'
import type { NtfsVolume } from './volume.js'

/** A file as a directory lists it. */
export interface IndexedFile {
  readonly reference: FileReference
  readonly fileName: FileName
}

/** Tells whether a name comes before (negative) or behind (positive) the one that is sought. */
export type Compare = (name: string) => number

const indexName = '$I30'
const fileNameCollation = 1
const rootHeaderAt = 16
const nodeHeaderAt = 24
const nodeMagic = 0x5844_4e49
const nodeSizes = { least: 512, most: 65_536 }
/** Where clusters are larger than nodes, nodes are numbered in these. */
const smallUnitBytes = 512
/** A tree of a billion names has ten levels. */
const mostLevels = 32
/** The root lies in a record. */
const mostRootBytes = 65_536

/** What a walk through an index carries. */
interface Walk {
  readonly inode: number
  readonly nodeBytes: number
  readonly unitBytes: number
  readonly nodes: OpenFile | undefined
  readonly seen: Set<number>
  readonly compare: Compare | undefined
}

/**
 * Yields the files of a directory in the order of its index, short names and metadata files among them.
 *
 * @param compare yields only the files for which this is nought, and goes only where they can be
 * @throws FilesystemError `damaged`, `read`
 */
export async function* indexedFiles(
  volume: NtfsVolume,
  { inode, attributes }: { readonly inode: number; readonly attributes: readonly AttributeParts[] },
  options: CallOptions,
  compare?: Compare,
): AsyncGenerator<IndexedFile, void, undefined> {
  const rootParts = attributeOf(attributes, attributeTypes.indexRoot, indexName)
  if (rootParts === undefined) throw damaged(`directory ${inode} has no index`, { inode })
  const root = await readAttribute(volume, inode, rootParts, mostRootBytes, options)
  const at = fields(root, 'little', 'the root of a directory', { inode })
  if (at.u32(0) !== attributeTypes.fileName || at.u32(4) !== fileNameCollation)
    throw unsupported(`Directory ${inode} is sorted by something else than names.`, { inode })
  const { clusterBytes } = volume.boot
  const nodeBytes = at.u32(8)
  if (!(nodeBytes >= nodeSizes.least && nodeBytes <= nodeSizes.most && nodeBytes % smallUnitBytes === 0))
    throw damaged(`directory ${inode} has nodes of ${nodeBytes} bytes`, { inode })
  const parts = attributeOf(attributes, attributeTypes.indexAllocation, indexName)
  const nodes = parts && (await openAttribute(volume, { inode, parts, reader: volume.cached }, options))
  const unitBytes = clusterBytes <= nodeBytes ? clusterBytes : smallUnitBytes
  yield* filesOf({ inode, nodeBytes, unitBytes, nodes, seen: new Set(), compare }, root, rootHeaderAt, 0, options)
}

/** Goes through a node in order, and into those below it. Each node is visited once, so the work has an end. */
async function* filesOf(
  walk: Walk,
  node: Uint8Array,
  headerAt: number,
  level: number,
  options: CallOptions,
): AsyncGenerator<IndexedFile> {
  const { inode, compare } = walk
  if (level > mostLevels) throw damaged(`the index of directory ${inode} has no end`, { inode })
  for (const { file, below } of nodeEntries(node, headerAt, { inode })) {
    const order = file === undefined || compare === undefined ? 0 : compare(file.fileName.name)
    if (order < 0) continue
    if (below !== undefined)
      yield* filesOf(walk, await readNode(walk, below, options), nodeHeaderAt, level + 1, options)
    if (order > 0) return
    if (file !== undefined) yield file
  }
}

async function readNode(
  { inode, nodes, nodeBytes, unitBytes, seen }: Walk,
  number: number,
  options: CallOptions,
): Promise<Uint8Array> {
  options.signal.throwIfAborted()
  const what = `a node of directory ${inode}`
  const offset = number * unitBytes
  if (nodes === undefined || offset + nodeBytes > nodes.sizeBytes) throw damaged(`${what} is not there`, { inode })
  if (seen.has(number)) throw damaged(`the index of directory ${inode} leads to a node twice`, { inode })
  seen.add(number)
  const bytes = new Uint8Array(nodeBytes)
  await nodes.read(offset, bytes, options)
  const at = fields(bytes, 'little', what, { inode })
  if (at.u32(0) !== nodeMagic) throw damaged(`${what} is none`, { inode })
  applyFixups(bytes, what, { inode })
  if (at.u64(16) !== number) throw damaged(`${what} is another`, { inode })
  return bytes
}
