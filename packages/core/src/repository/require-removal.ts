import { BackupError } from '../contract/errors.js'
import type { ObjectStore } from './object-store.js'

/** Refuses what removes objects where none can be. @throws BackupError `E_UNSUPPORTED` */
export function requireRemoval({ capabilities }: ObjectStore, done: string): void {
  if (capabilities.removes) return
  throw new BackupError('E_UNSUPPORTED', `This target keeps what was put there: it cannot be ${done}.`, {
    hint: 'Its media are written anew when they expire; until then copy what is wanted to another target.',
  })
}
