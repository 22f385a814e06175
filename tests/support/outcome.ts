import { Buffer } from 'node:buffer'
import { BackupError, isBackupError, type ObjectKey, type ProvisionedMachine } from '@holdfast/core'
import {
  type Provision,
  restorePoint,
  type VerifyReport,
  verifyRepository,
  type WorkerPool,
} from '@holdfast/core/engine'
import type { Repository } from '@holdfast/core/repository'
import type { MemoryTarget } from '@holdfast/testkit/memory'
import { call, type Truth } from './vault.js'

/** How one recovery point came back. */
export type Restored =
  | { readonly how: 'same' }
  | { readonly how: 'refused'; readonly error: BackupError }
  | { readonly how: 'wrong'; readonly disk: string }

/** What a reader of a repository sees: the report of verify, and each point restored. */
export interface Outcome {
  readonly report: VerifyReport
  readonly restored: ReadonlyMap<string, Restored>
}

/** Keeps restored disks in memory. Bytes count only once committed, as for any other place. */
function memoryProvision(): { readonly provision: Provision; readonly committed: Map<string, Buffer> } {
  const committed = new Map<string, Buffer>()
  const provision: Provision = async (machine, disks): Promise<ProvisionedMachine> => {
    const buffers = new Map(disks.map((disk) => [disk.id, Buffer.alloc(disk.sizeBytes)]))
    return {
      location: `memory of ${machine.name}`,
      disks: disks.map(({ id, sizeBytes }) => ({
        id,
        sizeBytes,
        write: async (offset, data) => {
          buffers.get(id)?.set(data, offset)
        },
      })),
      commit: async () => {
        for (const [id, bytes] of buffers) committed.set(id, bytes)
      },
      [Symbol.asyncDispose]: async () => undefined,
    }
  }
  return { provision, committed }
}

/** Verifies a repository with its data, then restores every point that should be there. */
export async function outcomeOf(
  repository: Repository,
  truths: ReadonlyMap<string, { readonly disks: Truth }>,
  pool: WorkerPool,
): Promise<Outcome> {
  const report = await verifyRepository(repository, pool, { ...call, readData: true })
  return { report, restored: await restoreAll(repository, truths, pool) }
}

/** Restores every point that should be there and compares it. */
export async function restoreAll(
  repository: Repository,
  truths: ReadonlyMap<string, { readonly disks: Truth }>,
  pool: WorkerPool,
): Promise<ReadonlyMap<string, Restored>> {
  const { entries, damaged } = await repository.points.list(call)
  const restored = new Map<string, Restored>()
  for (const [id, { disks }] of truths) {
    const entry = entries.find(({ point }) => point.id === id)
    if (entry === undefined) {
      const note = damaged.find(({ key }) => key.endsWith(id))
      restored.set(id, {
        how: 'refused',
        error: asBackupError(note?.error ?? new BackupError('E_POINT_NOT_FOUND', `no point ${id}`)),
      })
      continue
    }
    restored.set(id, await restoreOne(repository, entry.point, disks, pool))
  }
  return restored
}

async function restoreOne(
  repository: Repository,
  point: Parameters<typeof restorePoint>[1],
  disks: Truth,
  pool: WorkerPool,
): Promise<Restored> {
  const { provision, committed } = memoryProvision()
  try {
    await restorePoint(repository, point, provision, pool, call)
  } catch (error) {
    return { how: 'refused', error: asBackupError(error) }
  }
  for (const [disk, bytes] of disks) {
    if (committed.get(disk)?.equals(bytes) !== true) return { how: 'wrong', disk }
  }
  return { how: 'same' }
}

/** Anything but a BackupError that reaches the user is a defect of its own. */
export function asBackupError(error: unknown): BackupError {
  if (isBackupError(error)) return error
  throw new Error('not a BackupError', { cause: error })
}

/** Puts a memory target back to an earlier state, modification times included. */
export function snapshot(target: MemoryTarget): () => void {
  const kept = new Map(target.objects.keys().map((key) => [key, target.objects.find(key)]))
  return () => {
    for (const key of target.objects.keys()) if (!kept.has(key)) target.objects.drop(key)
    for (const [key, object] of kept) {
      if (object === undefined || target.objects.find(key) === object) continue
      target.objects.overwrite(key, object.bytes, object.modifiedAt)
      kept.set(key, target.objects.find(key))
    }
  }
}

export function key(text: string): ObjectKey {
  return text as ObjectKey
}

/** The error of what must be refused. */
export async function refusal(action: Promise<unknown>): Promise<BackupError> {
  try {
    await action
  } catch (error) {
    return asBackupError(error)
  }
  throw new Error('it was not refused')
}
