import type { Clock } from '@holdfast/core'
import { isFault, isVimError, type MoRef, runTask, type VimSession } from '@holdfast/protocol-vim'

const attempts = 6
const firstPauseMs = 500
const never = new AbortController().signal

/**
 * Removes a snapshot, and lets what was written since flow back into the disks. Tried again where the reason passes by itself; one that is
 * gone is removed.
 *
 * @throws VimError
 */
export async function removeSnapshot(session: VimSession, snapshot: MoRef, clock: Clock): Promise<void> {
  for (let attempt = 1; ; attempt += 1) {
    try {
      await runTask(session, snapshot, 'RemoveSnapshot_Task', { removeChildren: false, consolidate: true })
      return
    } catch (error) {
      if (isFault(error, 'ManagedObjectNotFound')) return
      if (!isVimError(error) || !error.isTransient || attempt === attempts) throw error
    }
    await clock.sleep(firstPauseMs * 2 ** attempt, { signal: never })
  }
}
