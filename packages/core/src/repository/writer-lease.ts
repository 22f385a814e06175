import { readFile, readlink } from 'node:fs/promises'
import { hostname } from 'node:os'
import type { CallOptions, Clock } from '../contract/context.js'
import { isBackupError } from '../contract/errors.js'
import type { ObjectKey } from '../model/ids.js'
import { toHex } from './bytes.js'
import { objectPrefixes, writerKey } from './layout.js'
import { listReplaced } from './list-replaced.js'
import { readObject } from './object-reader.js'
import type { ObjectStore } from './object-store.js'

/**
 * A writer's sign of life. No lock: writers never wait for each other, but `prune` removes nothing that a live
 * writer could have seen before it was condemned. Spec: "Pruning beside writers".
 */
export interface WriterLease {
  readonly id: string
  /** Tells whether the sign of life was kept up; when not, a prune may have taken this writer for dead. */
  readonly isFresh: () => boolean
  readonly release: () => Promise<void>
}

/** A `prune` may remove what nothing refers to; it too is a writer to all others. */
export type WriterRole = 'writer' | 'prune'

/** What a `writers/` object says. */
interface LeaseFile {
  readonly id: string
  readonly role: WriterRole
  readonly host: string
  readonly boot: string
  readonly pid: number
  readonly renewedAt: string
}

/** A lease not renewed for this long is taken for dead. */
const leaseMs = 60 * 60_000
const renewMs = leaseMs / 4

/**
 * Announces a writer. Must be called before the list of condemned packs is read.
 *
 * Where objects cannot be removed there is no prune to announce it to.
 */
export async function takeLease(
  store: ObjectStore,
  clock: Clock,
  randomBytes: (sizeBytes: number) => Uint8Array,
  role: WriterRole,
  options: CallOptions,
): Promise<WriterLease> {
  const id = toHex(randomBytes(12))
  if (!store.capabilities.removes) return { id, isFresh: () => true, release: async () => {} }
  const boot = await bootId()
  let beat = 0
  let renewedAt = clock.now().getTime()
  let current: ObjectKey | undefined
  let lapsed = false
  const isOverdue = () => clock.now().getTime() - renewedAt >= leaseMs / 2
  const announce = async (signal: AbortSignal) => {
    const file: LeaseFile = { id, role, host: hostname(), boot, pid: process.pid, renewedAt: clock.now().toISOString() }
    const key = writerKey(id, beat++)
    await store.put(key, [Buffer.from(JSON.stringify(file))], { signal })
    // After a gap, as when the host was asleep, a prune may have taken this writer for dead: renewing does not mend that.
    lapsed ||= isOverdue()
    renewedAt = Date.parse(file.renewedAt)
    if (current !== undefined) await store.remove(current, { signal })
    current = key
  }
  await announce(options.signal)
  const stop = new AbortController()
  // A renewal that fails shows in isFresh(), which is asked before anything is committed.
  const timer = setInterval(() => void announce(stop.signal).catch(() => undefined), renewMs)
  timer.unref()
  return {
    id,
    isFresh: () => !lapsed && !isOverdue(),
    release: async () => {
      clearInterval(timer)
      stop.abort()
      try {
        if (current !== undefined) await store.remove(current, { signal: AbortSignal.timeout(30_000) })
      } catch {
        // A lease that stays is the sign of a dead writer: the next prune removes it. What was stored is no worse for it.
      }
    },
  }
}

/**
 * Announces a reader, so that a prune keeps what it may still come to need; `undefined` where the target takes no writes.
 *
 * Such a target is read all the same: whoever prunes it does so from where it can be written.
 */
export async function takeReaderLease(
  store: ObjectStore,
  clock: Clock,
  randomBytes: (sizeBytes: number) => Uint8Array,
  options: CallOptions,
): Promise<WriterLease | undefined> {
  return await takeLease(store, clock, randomBytes, 'writer', options).catch((error: unknown) => {
    if (isBackupError(error) && ['E_TARGET_READ_ONLY', 'E_TARGET_DENIED', 'E_TARGET_FULL'].includes(error.code))
      return undefined
    throw error
  })
}

/** Announces a reader while `read` runs. */
export async function withReaderLease<T>(
  store: ObjectStore,
  clock: Clock,
  randomBytes: (sizeBytes: number) => Uint8Array,
  read: () => Promise<T>,
  options: CallOptions,
): Promise<T> {
  const lease = await takeReaderLease(store, clock, randomBytes, options)
  try {
    return await read()
  } finally {
    await lease?.release()
  }
}

/**
 * Finds the writers that may still be alive, by id, and removes the leases of dead ones.
 *
 * Called by those who hold a lease of their own.
 */
export async function liveWriters(
  store: ObjectStore,
  options: CallOptions,
): Promise<ReadonlyMap<string, WriterRole | 'unknown'>> {
  for (;;) {
    const live = new Map<string, WriterRole | 'unknown'>()
    let renewed = false
    const leases = await listReplaced(store, objectPrefixes.writers, options)
    // The caller's own is among them and at most one renewal old: the target's clock is never compared with another.
    const newest = Math.max(...leases.map((info) => info.modifiedAt.getTime()))
    for (const info of leases) {
      const file = await readLease(store, info.key, options)
      // Ended, or renewed under another key that this listing may have missed: only another one can tell.
      if (file === 'gone') renewed = true
      else if (await isDead(file, newest - info.modifiedAt.getTime())) await store.remove(info.key, options)
      else live.set(writerIdOf(info.key), roleOf(file))
    }
    if (!renewed) return live
  }
}

/** A lease that cannot be understood may be of either role. */
function roleOf({ role }: Partial<LeaseFile>): WriterRole | 'unknown' {
  return role === 'writer' || role === 'prune' ? role : 'unknown'
}

function writerIdOf(key: ObjectKey): string {
  return key.slice(objectPrefixes.writers.length).split('-')[0] ?? ''
}

async function readLease(
  store: ObjectStore,
  key: ObjectKey,
  options: CallOptions,
): Promise<Partial<LeaseFile> | 'gone'> {
  try {
    return JSON.parse((await readObject(store, key, 65_536, options)).toString('utf8')) as Partial<LeaseFile>
  } catch (error) {
    if (isBackupError(error) && error.code === 'E_OBJECT_NOT_FOUND') return 'gone'
    if (error instanceof SyntaxError) return {}
    throw error
  }
}

/** On this host and boot the process table knows; elsewhere only time does, by the target's clock. */
async function isDead(file: Partial<LeaseFile>, ageMs: number): Promise<boolean> {
  if (ageMs > leaseMs) return true
  if (file.host !== hostname() || file.boot !== (await bootId()) || file.pid === undefined) return false
  try {
    process.kill(file.pid, 0)
    return false
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'ESRCH'
  }
}

/** Names this boot and process table: containers of one host share the former, and each has its own of the latter. */
async function bootId(): Promise<string> {
  try {
    const boot = await readFile('/proc/sys/kernel/random/boot_id', 'utf8')
    return `${boot.trim()} ${await readlink('/proc/self/ns/pid')}`
  } catch {
    // Other systems have no boot id; then only leases of a host that kept its name are compared by process.
    return 'unknown'
  }
}
