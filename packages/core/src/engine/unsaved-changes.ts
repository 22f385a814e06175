import type { BlockState } from './block-states.js'
import type { StateChange } from './overlay-journal.js'

/** Changes that are not in the journal yet. */
export interface UnsavedChanges {
  readonly note: (change: StateChange) => void
  readonly count: () => number
  /** Saves all that were noted before; one saving at a time. What could not be saved stays. */
  readonly save: () => Promise<void>
}

/** Blocks of one change at most: a journal counts them in 32 bits. */
export const longestChange = 2 ** 31

/** Collects changes for who stores them, neighbours in one state joined. */
export function unsavedChanges(store: (changes: readonly StateChange[]) => Promise<void>): UnsavedChanges {
  let unsaved: StateChange[] = []
  let saving = Promise.resolve()

  const saveAll = async (): Promise<void> => {
    const changes = unsaved
    unsaved = []
    try {
      await store(changes)
    } catch (error) {
      unsaved = [...changes, ...unsaved]
      throw error
    }
  }

  return {
    note: (change) => {
      const last = unsaved.at(-1)
      if (last !== undefined && goesOn(last, change.from, change.end, change.state))
        unsaved[unsaved.length - 1] = { ...last, end: change.end }
      else unsaved.push(change)
    },
    count: () => unsaved.length,
    save: () => {
      saving = saving.catch(() => undefined).then(saveAll)
      return saving
    },
  }
}

function goesOn(last: StateChange, from: number, end: number, state: BlockState): boolean {
  return last.state === state && last.end === from && end - last.from <= longestChange
}
