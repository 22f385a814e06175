import type { CallOptions } from '../contract/context.js'
import { fromHex, toHex } from '../repository/bytes.js'
import type { ChunkLocation } from '../repository/chunk-index.js'
import { damaged } from '../repository/damage.js'
import {
  childrenOf,
  decodeInner,
  decodeLeaf,
  isZeroId,
  leafSpan,
  leafSpanBytes,
  treeFanOut,
  treeLevels,
} from '../repository/disk-tree-format.js'
import type { ReadChunk } from '../repository/disk-tree-reader.js'
import { packKey } from '../repository/layout.js'
import type { PointEntry } from '../repository/point-store.js'
import type { StoredDisk } from '../repository/recovery-point.js'
import type { PackExamination } from './examine-packs.js'

/** What walking the trees of points needs to know. */
export interface TreeExamination {
  readonly find: (id: Uint8Array) => ChunkLocation | undefined
  readonly readNode: ReadChunk
  readonly packs: PackExamination
  /** Called for each chunk that is found in a pack which no index lists. */
  readonly onUnlisted: (pack: string) => void
  /** Subtrees proved whole for some point: not walked again. */
  readonly goodNodes: Set<string>
}

/** Walks the trees of a point; `fail` is told of everything that is missing, and no subtree is walked twice. */
export async function examinePoint(
  entry: PointEntry,
  examination: TreeExamination,
  fail: (error: unknown) => void,
  options: CallOptions,
): Promise<void> {
  const badNodes = new Set<string>()
  for (const disk of entry.point.disks) {
    const isWhole = diskExaminer(entry, disk, examination, badNodes, fail, options)
    if (disk.sizeBytes > 0) await isWhole(fromHex(disk.root), treeLevels(disk.sizeBytes), 0)
  }
}

function diskExaminer(
  entry: PointEntry,
  disk: StoredDisk,
  { find, readNode, packs, onUnlisted, goodNodes }: TreeExamination,
  badNodes: Set<string>,
  fail: (error: unknown) => void,
  options: CallOptions,
): (id: Uint8Array, level: number, index: number) => Promise<boolean> {
  const site = { machine: entry.point.machine.name, point: entry.point.id, disk: disk.id }
  const isThere = (id: Uint8Array): boolean => {
    const location = find(id)
    if (location === undefined) {
      fail(damaged({ object: `chunk ${toHex(id)}`, ...site }, 'no index lists it'))
      return false
    }
    const pack = location.packInfo.id
    onUnlisted(pack)
    const isGood =
      !packs.brokenPacks.has(pack) ||
      (packs.knownPacks.has(pack) && !packs.lostFrames.has(`${pack}/${location.frameOffset}`))
    if (!isGood) fail(packs.packErrors.get(pack) ?? damaged({ object: packKey(pack), ...site }, 'it is not whole'))
    return isGood
  }
  const childrenAreWhole = async (id: Uint8Array, level: number, index: number): Promise<boolean> => {
    let whole = true
    if (level === 0) {
      for (const chunk of decodeLeaf(await readNode(id, options), leafSpan(disk.sizeBytes, index)))
        if (!isZeroId(chunk.id) && !isThere(chunk.id)) whole = false
      return whole
    }
    const children = decodeInner(await readNode(id, options), level, childrenOf(disk.sizeBytes, level, index))
    for (const [i, child] of children.entries())
      if (!(await isWhole(child, level - 1, index * treeFanOut + i))) whole = false
    return whole
  }
  const isWhole = async (id: Uint8Array, level: number, index: number): Promise<boolean> => {
    if (isZeroId(id)) return true
    const span = leafSpanBytes * treeFanOut ** level
    // A node stands for the same subtree wherever it covers as many bytes.
    const name = `${toHex(id)} ${level} ${Math.min(span, disk.sizeBytes - index * span)}`
    if (goodNodes.has(name)) return true
    if (badNodes.has(name)) return false
    let whole = isThere(id)
    try {
      if (whole) whole = await childrenAreWhole(id, level, index)
    } catch (error) {
      options.signal.throwIfAborted()
      fail(error)
      whole = false
    }
    if (whole) goodNodes.add(name)
    else badNodes.add(name)
    return whole
  }
  return isWhole
}
