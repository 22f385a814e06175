import { BackupError } from '../contract/errors.js'
import type { DiskId } from '../model/ids.js'
import type { RecoveryPoint, StoredDisk } from '../repository/recovery-point.js'

/** The disks of a point that were asked for, or all. @throws BackupError `E_USAGE` for one that it does not have */
export function chosenDisks(point: RecoveryPoint, ids: readonly DiskId[] | undefined): readonly StoredDisk[] {
  const unknown = ids?.find((id) => !point.disks.some((disk) => disk.id === id))
  if (unknown !== undefined) {
    throw new BackupError('E_USAGE', `${point.machine.name} has no disk '${unknown}' in this point.`, {
      hint: `Its disks: ${point.disks.map((disk) => disk.id).join(', ')}.`,
    })
  }
  return point.disks.filter((disk) => ids === undefined || ids.includes(disk.id))
}
