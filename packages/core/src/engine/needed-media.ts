import type { CallOptions } from '../contract/context.js'
import type { NeededMedium } from '../contract/media.js'
import type { DiskId } from '../model/ids.js'
import { fromHex, toHex } from '../repository/bytes.js'
import type { ChunkIndex } from '../repository/chunk-index.js'
import { chunkReader } from '../repository/chunk-reader.js'
import { damaged } from '../repository/damage.js'
import { isZeroId } from '../repository/disk-tree-format.js'
import { walkNodes } from '../repository/disk-tree-reader.js'
import { packKey } from '../repository/layout.js'
import type { RecoveryPoint } from '../repository/recovery-point.js'
import type { Repository } from '../repository/repository.js'
import { loadWholeIndex } from './whole-index.js'

/** What is to be read. */
export interface NeededMediaOptions extends CallOptions {
  /** Only these disks of the points. @defaultValue all */
  readonly disks?: readonly DiskId[] | undefined
}

/**
 * Tells which media must be read to restore points together, in the cheapest order; none where media do not matter.
 *
 * Reads index and trees, which a target has at hand.
 * @throws BackupError `E_DAMAGED`, `E_TARGET_*`
 */
export async function neededMedia(
  repository: Repository,
  points: readonly RecoveryPoint[],
  options: NeededMediaOptions,
): Promise<readonly NeededMedium[]> {
  const { media } = repository.store.session
  if (media === undefined) return []
  const packs = await packsOf(repository, points, options)
  return media.needed(packs.map(packKey), options)
}

/** The packs that points are in, each once. */
async function packsOf(
  repository: Repository,
  points: readonly RecoveryPoint[],
  { disks: wanted, ...options }: NeededMediaOptions,
): Promise<readonly string[]> {
  const index = await loadWholeIndex(repository, options)
  const { store, identity, transforms, keys } = repository
  const readNode = chunkReader(store, index, identity, transforms, keys?.keyring)
  const packs = new Set<string>()
  // Trees of one machine share most of their nodes.
  const seen = new Set<string>()
  for (const point of points) {
    for (const disk of point.disks) {
      if (wanted !== undefined && !wanted.includes(disk.id)) continue
      await walkNodes(
        { sizeBytes: disk.sizeBytes, root: fromHex(disk.root) },
        readNode,
        async (node) => {
          const name = toHex(node.id)
          if (seen.has(name)) return false
          seen.add(name)
          packs.add(packOf(node.id, index))
          for (const { id } of await node.chunks()) if (!isZeroId(id)) packs.add(packOf(id, index))
          return true
        },
        options,
      )
    }
  }
  return [...packs]
}

function packOf(id: Uint8Array, index: ChunkIndex): string {
  const location = index.find(id)
  if (location === undefined) throw damaged(`chunk ${toHex(id)}`, 'no index lists it')
  return location.packInfo.id
}
