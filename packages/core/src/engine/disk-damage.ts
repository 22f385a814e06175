import { BackupError, isBackupError } from '../contract/errors.js'
import type { RecoveryPoint, StoredDisk } from '../repository/recovery-point.js'

/** Gives damage that is met in a disk of a point the names of both. */
export async function namingDisk<T>(
  point: RecoveryPoint,
  disk: StoredDisk,
  deed: 'restored' | 'read',
  action: () => Promise<T>,
): Promise<T> {
  try {
    return await action()
  } catch (error) {
    if (!isBackupError(error) || (error.code !== 'E_DAMAGED' && error.code !== 'E_OBJECT_NOT_FOUND')) throw error
    const object = String(error.context['object'] ?? error.context['key'] ?? '')
    throw new BackupError(
      'E_DAMAGED',
      `Disk '${disk.id}' of ${point.machine.name} (${point.id}) cannot be ${deed}: ${error.message}`,
      {
        operation: deed === 'read' ? 'read.disk' : 'restore.disk',
        context: { object, machine: point.machine.name, point: point.id, disk: disk.id },
        hint: error.hint ?? "Restore from another target, or mend this one with 'holdfast repair --from'.",
        cause: error,
      },
    )
  }
}
