import { randomBytes } from 'node:crypto'
import { availableParallelism, tmpdir } from 'node:os'
import type { Clock, Logger, PluginContext } from '../contract/context.js'
import { BackupError } from '../contract/errors.js'
import { type DeriveKey, deriveKey } from '../repository/key-derivation.js'

/** What the engine runs in: a plugin's context without a signal, and the number of workers. */
export interface EngineHost extends Omit<PluginContext, 'signal'> {
  /** Worker threads that hash, encode and decode. @defaultValue one a processor */
  readonly workers: number
  /** Derives keys from passphrases. @defaultValue by scrypt, when asked */
  readonly deriveKey: DeriveKey
}

/** Makes a host from the parts that matter to the caller; the rest is the real world. */
export function engineHost(parts: Partial<EngineHost> = {}): EngineHost {
  return {
    logger: silentLogger,
    clock: systemClock,
    randomBytes: (sizeBytes) => randomBytes(sizeBytes),
    tempDir: tmpdir(),
    baseDir: process.cwd(),
    workers: availableParallelism(),
    deriveKey,
    resolveSecret: async () => {
      throw new BackupError('E_SECRET', 'This host resolves no secrets.', {
        hint: "Pass resolveSecret to engineHost(); '@holdfast/config' has one for env, file and command.",
      })
    },
    ...parts,
  }
}

/** The context that plugins are opened with. */
export function pluginContext(host: EngineHost, signal: AbortSignal): PluginContext {
  const { logger, clock, tempDir, baseDir, resolveSecret } = host
  return { signal, logger, clock, randomBytes: host.randomBytes, tempDir, baseDir, resolveSecret }
}

/** Real time. */
export const systemClock: Clock = {
  now: () => new Date(),
  sleep: (ms, { signal }) =>
    new Promise((resolve, reject) => {
      if (signal.aborted) {
        reject(signal.reason)
        return
      }
      const onAbort = () => {
        clearTimeout(timer)
        reject(signal.reason)
      }
      const timer = setTimeout(() => {
        signal.removeEventListener('abort', onAbort)
        resolve()
      }, ms)
      signal.addEventListener('abort', onAbort, { once: true })
    }),
}

const ignore = () => {}

/** Says nothing. */
export const silentLogger: Logger = {
  trace: ignore,
  debug: ignore,
  info: ignore,
  warn: ignore,
  error: ignore,
  fatal: ignore,
}
