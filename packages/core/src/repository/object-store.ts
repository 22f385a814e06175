import type { CallOptions } from '../contract/context.js'
import { BackupError, isBackupError } from '../contract/errors.js'
import type { ObjectInfo, PutOptions, TargetCapabilities, TargetSession } from '../contract/target.js'
import type { ObjectKey } from '../model/ids.js'
import { withDeadline } from './deadline.js'
import { type RetryPolicy, retrying } from './retry.js'

/** A target as the repository uses it: with retries, whole small buffers instead of streams, and a brake. */
export interface ObjectStore {
  readonly capabilities: TargetCapabilities
  readonly session: TargetSession
  /** It was opened for reading: what is only noted by the way is not even tried. @defaultValue `false` */
  readonly isReadOnly?: boolean
  /** Stores an object made of `parts`; on a lost answer it looks whether the object is there after all. */
  readonly put: (
    key: ObjectKey,
    parts: readonly Uint8Array[],
    options: CallOptions & Pick<PutOptions, 'isBulk'>,
  ) => Promise<void>
  /** Makes all that was put survive a power cut; on most targets it does already. Never retried: what failed is lost. */
  readonly sync: (options: CallOptions) => Promise<void>
  /** Reads a range; a broken stream is taken up where it broke. */
  readonly get: TargetSession['get']
  readonly stat: TargetSession['stat']
  readonly list: (prefix: string, options: CallOptions) => Promise<readonly ObjectInfo[]>
  readonly remove: TargetSession['remove']
}

/** Waits until `bytes` may pass. */
export type Throttle = (bytes: number, options: CallOptions) => Promise<void>

/** No single call to a target may take longer; media that must be fetched by hand may take as long as they take. */
const callLimitMs = 10 * 60_000

/** Wraps an open target. */
export function objectStore(
  session: TargetSession,
  capabilities: TargetCapabilities,
  policy: RetryPolicy,
  throttle: Throttle = async () => {},
): ObjectStore {
  const limitMs = capabilities.media ? Number.POSITIVE_INFINITY : callLimitMs
  const limited = <T>(operation: string, options: CallOptions, call: (inner: CallOptions) => Promise<T>): Promise<T> =>
    retrying(() => withDeadline(`target.${operation}`, limitMs, options, call), policy, options)
  return {
    capabilities,
    session,
    put: async (key, parts, options) => {
      const sizeBytes = parts.reduce((sum, part) => sum + part.byteLength, 0)
      const { maxObjectBytes } = capabilities
      if (maxObjectBytes !== undefined && sizeBytes > maxObjectBytes) {
        throw new BackupError(
          'E_TARGET_IO',
          `${key} has ${sizeBytes} bytes, the target takes at most ${maxObjectBytes}.`,
        )
      }
      await throttle(sizeBytes, options)
      await retrying(
        async (attempt) => {
          try {
            await withDeadline('target.put', limitMs, options, (inner) =>
              session.put(key, replay(parts), { ...inner, sizeBytes, isBulk: options.isBulk ?? false }),
            )
          } catch (error) {
            if (attempt === 1 || !isBackupError(error) || error.code !== 'E_OBJECT_EXISTS') throw error
            const stored = await session.stat(key, options)
            if (stored?.sizeBytes !== sizeBytes) throw error
          }
        },
        policy,
        options,
      )
    },
    sync: async (options) => {
      await withDeadline('target.sync', limitMs, options, async (inner) => session.sync?.(inner))
    },
    get: (key, options) => resumingGet(session, policy, key, options),
    stat: (key, options) => limited('stat', options, (inner) => session.stat(key, inner)),
    list: (prefix, options) =>
      retrying(
        async () => {
          const found: ObjectInfo[] = []
          for await (const info of session.list(prefix, options)) found.push(info)
          return found
        },
        policy,
        options,
      ),
    remove: (key, options) => limited('remove', options, (inner) => session.remove(key, inner)),
  }
}

async function* replay(parts: readonly Uint8Array[]): AsyncIterable<Uint8Array> {
  yield* parts
}

async function* resumingGet(
  session: TargetSession,
  policy: RetryPolicy,
  key: ObjectKey,
  options: Parameters<TargetSession['get']>[1],
): AsyncIterable<Uint8Array> {
  let done = 0
  for (let attempt = 1; ; attempt++) {
    const range =
      options.range === undefined
        ? undefined
        : { offset: options.range.offset + done, length: options.range.length - done }
    try {
      const call = { ...options, ...(range === undefined ? {} : { range }) }
      for await (const part of session.get(key, call)) {
        yield part
        done += part.byteLength
      }
      return
    } catch (error) {
      const canResume = done === 0 || range !== undefined
      if (!isBackupError(error) || error.retry !== 'transient' || !canResume || attempt >= policy.attempts) throw error
      await policy.clock.sleep(policy.firstPauseMs * 2 ** (attempt - 1), options)
    }
  }
}
