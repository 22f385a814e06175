import { BackupError, isBackupError } from '../contract/errors.js'

/** What is damaged, as far as it is known where the damage is seen. */
export interface DamageSite {
  readonly object: string
  readonly machine?: string
  readonly point?: string
  readonly disk?: string
}

/** Makes the one error for stored data that is missing, truncated, altered or swapped. */
export function damaged(site: DamageSite | string, what: string, cause?: unknown): BackupError {
  const where = typeof site === 'string' ? { object: site } : site
  return new BackupError('E_DAMAGED', `${where.object} is damaged: ${what}.`, {
    operation: 'repository.read',
    context: { ...where },
    hint: "Run 'holdfast verify --read-data' for the whole extent, then 'holdfast repair --from' another copy.",
    cause,
  })
}

/** Tells damage from other trouble: a target that does not answer says nothing about what it holds. */
export function isDamage(error: unknown): boolean {
  return isBackupError(error) && (error.code === 'E_DAMAGED' || error.code === 'E_OBJECT_NOT_FOUND')
}

/** Parses JSON that its envelope vouches for; anything else in it is damage all the same. */
export function parseStoredJson(name: string, payload: Uint8Array): unknown {
  try {
    return JSON.parse(new TextDecoder().decode(payload))
  } catch (error) {
    throw damaged(name, 'it is not JSON', error)
  }
}
