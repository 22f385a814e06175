import type { CallOptions } from '../contract/context.js'
import { BackupError } from '../contract/errors.js'
import type { DiskId } from '../model/ids.js'
import type { RecoveryPoint } from '../repository/recovery-point.js'

/**
 * Starts to show the disks of a point, so that a machine can be put over them.
 *
 * Called: once, when the time of the recovery already runs.
 */
export type ShowContents = (options: CallOptions) => Promise<ShownContents>

/** Disks of a point that are shown, read-only. Disposal ends that, and closes everything behind them. */
export interface ShownContents extends AsyncDisposable {
  /** NBD URI of the export of each disk of the point. */
  readonly uris: ReadonlyMap<DiskId, string>
  /**
   * What reading the disks failed with: damage before all else, else the first; `undefined` when nothing failed.
   *
   * Called: after disposal. A machine is only told that a read failed, so that its own error does not say why.
   */
  readonly failure: () => unknown
}

/** Refuses contents of other disks than the point has. @throws BackupError `E_USAGE` */
export function checkContents({ disks }: RecoveryPoint, { uris }: ShownContents): void {
  const ids = disks.map(({ id }) => id)
  if (uris.size !== ids.length || ids.some((id) => !uris.has(id)))
    throw new BackupError('E_USAGE', `The contents are not those of the disks ${ids.join(', ')}.`)
}
