import type { PipelineTarget } from '@holdfast/core'
import {
  type EngineHost,
  openTarget,
  openTargetRepository,
  type RestoreReport,
  repositoryAccess,
  restorePoint,
  restoreScriptBytes,
  workerPool,
} from '@holdfast/core/engine'
import { choosePoint, initRepository } from '@holdfast/core/repository'
import { placeInFolder } from '@holdfast/machine-files'

/** Makes the repository on a target: what `holdfast init` does. */
export async function prepareRepository(target: PipelineTarget, host: EngineHost, signal: AbortSignal): Promise<void> {
  await using opened = await openTarget(target, host, { signal })
  const access = await repositoryAccess({ ...target, offered: [] }, host, { signal })
  await initRepository(opened.store, access, await restoreScriptBytes(), { signal })
}

/** Lists the recovery points of a target and restores the newest of a machine into a folder. */
export async function restoreLatest(
  target: PipelineTarget,
  machine: string,
  folder: string,
  host: EngineHost,
  signal: AbortSignal,
): Promise<RestoreReport> {
  await using opened = await openTargetRepository({ ...target, offered: [] }, host, { signal })
  const { entries } = await opened.repository.points.list({ signal })
  for (const { point } of entries) console.log(`listed: ${point.machine.name}, ${point.disks.length} disk`)

  const { point } = choosePoint(entries, `${machine}@latest`, host.clock)
  await using pool = workerPool(host.workers)
  // A hypervisor's restore facet would stand here in the place of a folder.
  const provision: Parameters<typeof restorePoint>[2] = (spec, disks) => placeInFolder(folder, spec, disks)
  return await restorePoint(opened.repository, point, provision, pool, { signal })
}
