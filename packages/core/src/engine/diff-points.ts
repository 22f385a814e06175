import type { CallOptions } from '../contract/context.js'
import type { Extent } from '../model/extent.js'
import type { DiskId } from '../model/ids.js'
import { fromHex } from '../repository/bytes.js'
import { chunkReader } from '../repository/chunk-reader.js'
import type { RecoveryPoint } from '../repository/recovery-point.js'
import type { Repository } from '../repository/repository.js'
import { changedExtents } from './diff-trees.js'
import { loadWholeIndex } from './whole-index.js'

/** How one disk differs between two points. */
export interface DiskDifference {
  readonly disk: DiskId
  /** `added` and `removed` disks have no extents; a resized one is not compared. */
  readonly change: 'changed' | 'unchanged' | 'added' | 'removed' | 'resized'
  readonly changedBytes: number
  readonly extents: readonly Extent[]
}

/** Compares two recovery points of one repository, disk by disk. */
export async function diffPoints(
  repository: Repository,
  before: RecoveryPoint,
  after: RecoveryPoint,
  options: CallOptions,
): Promise<readonly DiskDifference[]> {
  const index = await loadWholeIndex(repository, options)
  const readNode = chunkReader(
    repository.store,
    index,
    repository.identity,
    repository.transforms,
    repository.keys?.keyring,
  )
  const differences: DiskDifference[] = []
  const plain = (disk: DiskId, change: DiskDifference['change']): DiskDifference => ({
    disk,
    change,
    changedBytes: 0,
    extents: [],
  })
  for (const disk of after.disks) {
    const old = before.disks.find((candidate) => candidate.id === disk.id)
    if (old === undefined) differences.push(plain(disk.id, 'added'))
    else if (old.sizeBytes !== disk.sizeBytes) differences.push(plain(disk.id, 'resized'))
    else {
      const extents: Extent[] = []
      const trees = [old, disk].map(({ sizeBytes, root }) => ({ sizeBytes, root: fromHex(root) }))
      const [from, to] = trees
      if (from !== undefined && to !== undefined)
        for await (const extent of changedExtents(from, to, readNode, options)) extents.push(extent)
      const changedBytes = extents.reduce((sum, extent) => sum + extent.length, 0)
      differences.push({ disk: disk.id, change: extents.length === 0 ? 'unchanged' : 'changed', changedBytes, extents })
    }
  }
  for (const disk of before.disks)
    if (!after.disks.some((candidate) => candidate.id === disk.id)) differences.push(plain(disk.id, 'removed'))
  return differences
}
