import type { CallOptions } from '../contract/context.js'
import { BackupError } from '../contract/errors.js'
import type { ProvisionedMachine } from '../contract/source.js'
import type { DiskId } from '../model/ids.js'
import type { Machine } from '../model/machine.js'
import type { RecoveryPoint } from '../repository/recovery-point.js'
import type { Repository } from '../repository/repository.js'
import { withReaderLease } from '../repository/writer-lease.js'
import { chosenDisks } from './chosen-disks.js'
import type { DiskFill } from './disk-fill.js'
import type { OnEvent } from './events.js'
import { fillDisks } from './fill-disk.js'
import { fillInOrder } from './fill-in-order.js'
import { resourceStack } from './resource-stack.js'
import { loadWholeIndex } from './whole-index.js'
import type { WorkerPool } from './worker-pool.js'

/** Creates blank disks somewhere: a folder, or a hypervisor's restore facet. */
export type Provision = (
  machine: Machine,
  disks: readonly { readonly id: DiskId; readonly sizeBytes: number }[],
  options: CallOptions,
) => Promise<ProvisionedMachine>

/** How to restore a point. */
export interface RestoreOptions extends CallOptions {
  readonly onEvent?: OnEvent
  /** Restore only these disks. @defaultValue all */
  readonly disks?: readonly DiskId[]
}

/** What a restore did. */
export interface RestoreReport {
  readonly point: string
  readonly machine: string
  readonly location: string
  readonly disks: readonly { readonly disk: DiskId; readonly sizeBytes: number; readonly writtenBytes: number }[]
}

/** A point that is to be restored together with others. */
export interface PointRestore {
  readonly point: RecoveryPoint
  readonly provision: Provision
  /** Restore only these disks. @defaultValue all */
  readonly disks?: readonly DiskId[]
}

/** How to restore several points. */
export interface RestorePointsOptions extends CallOptions {
  readonly onEvent?: OnEvent
  /**
   * Places of chunks that are planned at once where all is restored in one pass: 16 bytes of memory each, and for each so
   * many the disks' trees are walked again. @defaultValue 2 Mi, or a quarter of the repository's chunks
   */
  readonly placesAtOnce?: number
}

/** Puts a recovery point back. Every byte written was proved to be the byte that was read. */
export async function restorePoint(
  repository: Repository,
  point: RecoveryPoint,
  provision: Provision,
  pool: WorkerPool,
  options: RestoreOptions,
): Promise<RestoreReport> {
  return withRestored(repository, point, provision, pool, options, (restored) => committed(point, restored, options))
}

/**
 * Puts recovery points back, of one machine or many.
 *
 * From a sequential target, in one pass: all disks are provisioned, each pack is read once, in the order that the target likes,
 * and then all machines are committed; when anything fails before, none is. From others, one point after another.
 * @throws BackupError as {@link restorePoint} does
 */
export async function restorePoints(
  repository: Repository,
  wanted: readonly PointRestore[],
  pool: WorkerPool,
  options: RestorePointsOptions,
): Promise<readonly RestoreReport[]> {
  const reports: RestoreReport[] = []
  if (repository.store.capabilities.sequential) {
    await withAllRestored(repository, wanted, pool, options, async (all) => {
      for (const { point, restored } of all) reports.push(await committed(point, restored, options))
    })
  } else {
    for (const { point, provision, disks } of wanted) {
      const chosen = disks === undefined ? options : { ...options, disks }
      reports.push(await restorePoint(repository, point, provision, pool, chosen))
    }
  }
  return reports
}

/** A machine whose disks hold the point, not committed yet. */
export interface RestoredMachine {
  readonly placed: ProvisionedMachine
  readonly disks: RestoreReport['disks']
}

/**
 * Restores a point and hands the machine over before its commit; not committed, it is removed again after `use`.
 *
 * A prune that runs meanwhile takes nothing away that the point needs.
 */
export async function withRestored<T>(
  repository: Repository,
  point: RecoveryPoint,
  provision: Provision,
  pool: WorkerPool,
  options: RestoreOptions,
  use: (restored: RestoredMachine) => Promise<T>,
): Promise<T> {
  const { disks } = options
  const wanted = { point, provision, ...(disks !== undefined && { disks }) }
  return withAllRestored(repository, [wanted], pool, options, ([one]) => {
    if (one === undefined) throw new RangeError('one point was asked for')
    return use(one.restored)
  })
}

interface RestoredPoint {
  readonly point: RecoveryPoint
  readonly restored: RestoredMachine
}

async function withAllRestored<T>(
  repository: Repository,
  wanted: readonly PointRestore[],
  pool: WorkerPool,
  options: RestorePointsOptions,
  use: (restored: readonly RestoredPoint[]) => Promise<T>,
): Promise<T> {
  const { store, clock, envelope } = repository
  const restore = async () => {
    const chosen = wanted.map(({ point, disks }) => chosenDisks(point, disks))
    const index = await loadWholeIndex(repository, options)
    await using machines = resourceStack()
    const all: { readonly point: RecoveryPoint; readonly placed: ProvisionedMachine; readonly fills: DiskFill[] }[] = []
    for (const [i, { point, provision }] of wanted.entries()) {
      const disks = chosen[i] ?? []
      const sizes = disks.map(({ id, sizeBytes }) => ({ id, sizeBytes }))
      const placed = machines.use(await provision(point.machine, sizes, options))
      const fills = disks.map((stored) => {
        const target = placed.disks.find((candidate) => candidate.id === stored.id)
        if (target === undefined) throw new BackupError('E_PLACEMENT', `No disk was provisioned for '${stored.id}'.`)
        return { point, stored, target }
      })
      all.push({ point, placed, fills })
    }
    const fill = store.capabilities.sequential ? fillInOrder : fillDisks
    const written = (
      await fill(
        repository,
        index,
        all.flatMap(({ fills }) => fills),
        pool,
        options,
      )
    ).values()
    const restored = all.map(({ point, placed, fills }) => ({
      point,
      restored: {
        placed,
        disks: fills.map(({ stored: { id, sizeBytes } }) => ({
          disk: id,
          sizeBytes,
          writtenBytes: written.next().value ?? 0,
        })),
      },
    }))
    return await use(restored)
  }
  return withReaderLease(store, clock, envelope.randomBytes, restore, options)
}

async function committed(
  point: RecoveryPoint,
  { placed, disks }: RestoredMachine,
  options: CallOptions,
): Promise<RestoreReport> {
  await placed.commit(options)
  return { point: point.id, machine: point.machine.name, location: placed.location, disks }
}
