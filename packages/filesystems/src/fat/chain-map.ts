import type { FileMap, FileRun } from '../file/open-runs.js'
import type { ByteRange, CallOptions } from '../filesystem.js'
import { damaged, type Place } from '../filesystem-error.js'
import { type AllocationTable, clusterOffset } from './allocation-table.js'
import type { FatGeometry } from './boot-sector.js'

/** A place in a chain that was passed: reading goes on from there. */
interface Milestone {
  /** How many clusters of the chain lie before. */
  readonly passed: number
  readonly cluster: number
}

const mostMilestones = 1024

/**
 * Maps a chain of clusters that holds `sizeBytes`.
 *
 * A chain can be followed from its start only; milestones, of which a bounded number is kept, spare most of the way.
 * @throws FilesystemError `damaged` for a size that the volume has no room for, and later for a chain that ends early
 */
export function chainMap(
  geometry: FatGeometry,
  table: AllocationTable,
  {
    firstCluster,
    sizeBytes,
    place,
  }: { readonly firstCluster: number; readonly sizeBytes: number; readonly place: Place },
): FileMap {
  const { clusterBytes, clusterCount } = geometry
  const needed = Math.ceil(sizeBytes / clusterBytes)
  if (needed > clusterCount) throw damaged(`a file claims ${sizeBytes} bytes, more than the volume has`, place)
  let milestones: Milestone[] = [{ passed: 0, cluster: firstCluster }]
  let stride = 64
  const remember = (milestone: Milestone) => {
    if (milestone.passed < (milestones.at(-1)?.passed ?? 0) + stride) return
    milestones.push(milestone)
    if (milestones.length <= mostMilestones) return
    milestones = milestones.filter((_, i) => i % 2 === 0)
    stride *= 2
  }

  async function* runs(range: ByteRange, options: CallOptions): AsyncIterable<FileRun> {
    const wanted = Math.floor(range.offset / clusterBytes)
    const end = Math.min(needed, Math.ceil((range.offset + range.length) / clusterBytes))
    let { passed, cluster } = lastBefore(milestones, wanted)
    while (passed < end) {
      const run = await table.run(cluster, end - passed, options)
      const offset = passed * clusterBytes
      yield { offset, length: run.count * clusterBytes, at: clusterOffset(geometry, run.first) }
      passed += run.count
      if (passed >= end) return
      options.signal.throwIfAborted()
      if (run.next === undefined) throw damaged(`the chain of a file of ${needed} clusters ends after ${passed}`, place)
      cluster = run.next
      remember({ passed, cluster })
    }
  }
  return { sizeBytes, runs, place }
}

function lastBefore(milestones: readonly Milestone[], wanted: number): Milestone {
  let low = 0
  let high = milestones.length - 1
  while (low < high) {
    const middle = Math.ceil((low + high) / 2)
    if ((milestones[middle]?.passed ?? 0) <= wanted) low = middle
    else high = middle - 1
  }
  return milestones[low] ?? { passed: 0, cluster: 0 }
}
