import { BackupError, type MediaSet, type MediaSetsFacet, type TargetSession } from '@holdfast/core'
import type { MediaRow } from './memory-media.js'
import { type MemoryObjects, memoryObjects } from './memory-objects.js'

/** A set of media of a memory target, and what it holds beneath the contract. */
export interface MemorySet {
  readonly id: string
  readonly objects: MemoryObjects
  readonly keepUntil: Date | undefined
}

/** A set as the sessions of its target use it. */
export interface StoredSet {
  readonly id: string
  readonly createdAt: Date
  readonly objects: MemoryObjects
  readonly media: MediaRow | undefined
  keepUntil: Date | undefined
}

/** The sets of a memory target, oldest first. */
export interface MemorySets {
  readonly list: () => readonly StoredSet[]
  /** Chooses the set that a session writes to; it is there for others once it holds something. */
  readonly choose: (keepUntil: Date | undefined, now: Date) => StoredSet
  /** The set that a session which has put nothing yet would go on with. */
  readonly continued: () => StoredSet | undefined
}

/** Makes the sets. `newMedia` gives each its media. */
export function memorySets(
  allocation: 'continue' | 'new',
  newMedia: (objects: MemoryObjects) => MediaRow | undefined,
): MemorySets {
  const sets: StoredSet[] = []
  const list = () => sets.filter(({ objects }) => objects.keys().length > 0)
  const continued = () => (allocation === 'new' ? undefined : list().at(-1))
  return {
    list,
    continued,
    choose: (keepUntil, now) => {
      const found = continued()
      if (found !== undefined) {
        found.keepUntil = later(found.keepUntil, keepUntil)
        return found
      }
      const objects = memoryObjects()
      const set: StoredSet = {
        id: `set-${sets.length + 1}`,
        createdAt: now,
        objects,
        media: newMedia(objects),
        keepUntil,
      }
      sets.push(set)
      return set
    },
  }
}

/** Undefined is for good. */
function later(a: Date | undefined, b: Date | undefined): Date | undefined {
  if (a === undefined || b === undefined) return undefined
  return a > b ? a : b
}

/** How sessions of single sets are made. */
export interface SetSessions {
  readonly reading: (set: StoredSet) => TargetSession
  readonly writing: (keepUntil: Date | undefined) => TargetSession
}

/** The facet of a session; what it opened ends with `close`. */
export function memorySetsFacet(
  sets: MemorySets,
  sessions: SetSessions,
): { readonly facet: MediaSetsFacet; readonly close: () => Promise<void> } {
  const opened: TargetSession[] = []
  const kept = (session: TargetSession): TargetSession => {
    opened.push(session)
    return session
  }
  const facet: MediaSetsFacet = {
    list: async ({ signal }) => {
      signal.throwIfAborted()
      return sets.list().map(
        ({ id, createdAt, keepUntil, media }): MediaSet => ({
          id,
          createdAt,
          keepUntil,
          media: media?.list() ?? [],
        }),
      )
    },
    open: async (id, { signal }) => {
      signal.throwIfAborted()
      const set = sets.list().find((other) => other.id === id)
      if (set === undefined) throw new BackupError('E_OBJECT_NOT_FOUND', `There is no media set ${id}.`)
      return kept(sessions.reading(set))
    },
    write: async ({ signal, keepUntil }) => {
      signal.throwIfAborted()
      return kept(sessions.writing(keepUntil))
    },
  }
  return {
    facet,
    close: async () => {
      for (const session of opened.splice(0)) await session[Symbol.asyncDispose]()
    },
  }
}

/** Takes every way to change something from a session. */
export function readOnly(id: string, session: TargetSession): TargetSession {
  const refuse = async () => {
    throw new BackupError('E_TARGET_READ_ONLY', 'The media set was opened for reading.', { plugin: id })
  }
  return { ...session, put: refuse, remove: refuse }
}
