import type { CallOptions } from '../contract/context.js'
import { isBackupError } from '../contract/errors.js'
import type { ObjectKey } from '../model/ids.js'
import type { PointEntry } from '../repository/point-store.js'
import type { Repository } from '../repository/repository.js'
import type { Verification } from '../repository/verification.js'
import type { OnEvent } from './events.js'

/** Notes a verification with its point; `undefined` where the target takes no writes: it is then only in the report. */
export async function noteVerification(
  repository: Repository,
  entry: PointEntry,
  verification: Verification,
  options: CallOptions & { readonly onEvent?: OnEvent },
): Promise<ObjectKey | undefined> {
  if (repository.store.isReadOnly === true) return undefined
  try {
    return await repository.points.addVerification(entry, verification, options)
  } catch (error) {
    if (!isBackupError(error) || !['E_TARGET_READ_ONLY', 'E_TARGET_DENIED', 'E_TARGET_FULL'].includes(error.code))
      throw error
    options.onEvent?.({
      type: 'step',
      message: `The verification of ${entry.point.id} could not be noted: ${error.message}`,
    })
    return undefined
  }
}
