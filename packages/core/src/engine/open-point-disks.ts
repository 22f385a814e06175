import type { CallOptions } from '../contract/context.js'
import { BackupError } from '../contract/errors.js'
import type { DiskId } from '../model/ids.js'
import { chunkReader } from '../repository/chunk-reader.js'
import type { RecoveryPoint } from '../repository/recovery-point.js'
import type { Repository } from '../repository/repository.js'
import { takeReaderLease } from '../repository/writer-lease.js'
import { chosenDisks } from './chosen-disks.js'
import { chunkSupply, type SupplyFacts } from './chunk-supply.js'
import { livingIndex } from './living-index.js'
import { pointDisk } from './point-disk.js'
import type { ReadableDisk } from './readable-disk.js'
import { loadWholeIndex } from './whole-index.js'
import type { WorkerPool } from './worker-pool.js'

/** How to open the disks of a point. */
export interface OpenPointDisksOptions extends CallOptions {
  /** Only these disks. @defaultValue all */
  readonly disks?: readonly DiskId[]
  /** Most bytes of decoded chunks at hand, for all disks together. @defaultValue 256 MiB */
  readonly cacheBytes?: number
  /** How far ahead of who reads in order is fetched; 0 never fetches ahead. @defaultValue 16 MiB, an eighth of the cache at most */
  readonly readAheadBytes?: number
}

/** The disks of a recovery point, to be read anywhere for as long as it takes. Disposal ends what is being read. */
export interface PointDisks extends AsyncDisposable {
  readonly disks: readonly ReadableDisk[]
  readonly facts: () => SupplyFacts
}

/**
 * Opens the disks of a recovery point for random access, straight from the repository.
 *
 * Guarantee: every byte read was proved to be the byte that was backed up; zeros are told from the trees alone, and fetch
 * nothing. What a prune beside it moves is found again. Memory is the cache, the ring of the pool, the index and 20 MiB for trees.
 * Abort ends the opening only; the disks live until they are disposed.
 * @throws BackupError `E_UNSUPPORTED` for a target without range reads, `E_USAGE` for disks that the point does not have
 */
export async function openPointDisks(
  repository: Repository,
  point: RecoveryPoint,
  pool: WorkerPool,
  options: OpenPointDisksOptions,
): Promise<PointDisks> {
  const { store, clock, envelope, identity, transforms, keys } = repository
  const chosen = chosenDisks(point, options.disks)
  if (!store.capabilities.rangeRead) {
    throw new BackupError(
      'E_UNSUPPORTED',
      'This target cannot read a part of an object, so its disks have no random access.',
      {
        operation: 'point.open',
        context: { machine: point.machine.name, point: point.id },
        hint: "Copy the point to another target with 'holdfast copy', or restore it.",
      },
    )
  }
  const { cacheBytes = 256 * 2 ** 20 } = options
  const readAheadBytes = Math.min(options.readAheadBytes ?? 16 * 2 ** 20, Math.floor(cacheBytes / 8))
  const lease = await takeReaderLease(store, clock, envelope.randomBytes, options)
  try {
    const index = livingIndex(repository, await loadWholeIndex(repository, options))
    const supply = chunkSupply(repository, index, pool, cacheBytes)
    const readNode = chunkReader(store, index, identity, transforms, keys?.keyring)
    const disks = chosen.map((disk) => pointDisk(point, disk, { index, supply, readNode, readAheadBytes }))
    return {
      disks,
      facts: supply.facts,
      [Symbol.asyncDispose]: async () => {
        const reason = new BackupError('E_ABORTED', 'The disks of the point were closed.')
        await Promise.all([...disks.map((disk) => disk.close(reason)), supply.close(reason), index.close(reason)])
        await lease?.release()
      },
    }
  } catch (error) {
    await lease?.release()
    throw error
  }
}
