import { createHash, randomBytes } from 'node:crypto'
import { isBackupError, objectKey, type TargetSession } from '@holdfast/core'

const call = { signal: new AbortController().signal }

/** What was given to sessions, and what they promised. Keys are never used twice. */
export interface Ledger {
  /** Puts random bytes under a key of that beginning; `packs/` is bulk. Returns the key. */
  readonly put: (session: TargetSession, beginning: string, sizeBytes: number) => Promise<string>
  /** Syncs, and takes down all that was put before as promised. */
  readonly sync: (session: TargetSession) => Promise<void>
  /** Takes it down that nobody cares any more for what was promised. */
  readonly forget: () => void
  /** Hex SHA-256 of all that was given, by key. */
  readonly given: ReadonlyMap<string, string>
  readonly promised: ReadonlySet<string>
}

/** Begins to take down, or goes on with what others took down. */
export function ledger(given: Map<string, string> = new Map(), promised: Set<string> = new Set()): Ledger {
  const waiting = new WeakMap<TargetSession, string[]>()
  return {
    given,
    promised,
    put: async (session, beginning, sizeBytes) => {
      const key = `${beginning}${given.size}`
      const bytes = randomBytes(sizeBytes)
      given.set(key, createHash('sha256').update(bytes).digest('hex'))
      await session.put(objectKey(key), bodyOf(bytes), { ...call, sizeBytes, isBulk: beginning.startsWith('packs/') })
      waiting.set(session, [...(waiting.get(session) ?? []), key])
      return key
    },
    sync: async (session) => {
      const these = waiting.get(session) ?? []
      waiting.delete(session)
      await session.sync?.(call)
      for (const key of these) promised.add(key)
    },
    forget: () => promised.clear(),
  }
}

async function* bodyOf(bytes: Uint8Array): AsyncGenerator<Uint8Array> {
  if (bytes.length > 0) yield bytes
}

/** Reads an object, and tells its digest. */
export async function digestOf(session: TargetSession, key: string): Promise<string> {
  const hash = createHash('sha256')
  for await (const part of session.get(objectKey(key), call)) hash.update(part)
  return hash.digest('hex')
}

/** The code that something fails with; undefined when it does not. Other errors are thrown on. */
export async function failureCode(work: Promise<unknown>): Promise<string | undefined> {
  try {
    await work
    return undefined
  } catch (error) {
    if (isBackupError(error)) return error.code
    throw error
  }
}
