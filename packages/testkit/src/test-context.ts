import { execFile } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import { setTimeout as sleep } from 'node:timers/promises'
import { promisify } from 'node:util'
import { BackupError, type Logger, type PluginContext, type SecretReference, secretValue } from '@holdfast/core'
import { mix, seededBytes } from './images/seeded-random.js'

/** What a test context is made of. */
export interface TestContextOptions {
  /** Existing folder for temporary files. */
  readonly tempDir: string
  /** Folder that relative paths start from. @defaultValue `tempDir` */
  readonly baseDir?: string
  /** Makes `randomBytes` repeatable. @defaultValue real randomness */
  readonly seed?: number
  /** @defaultValue a signal that is never aborted */
  readonly signal?: AbortSignal
  /** @defaultValue a logger that keeps silent */
  readonly logger?: Logger
}

/** Makes the context that a host would open a plugin with: silent logger, real clock, real randomness. */
export function testContext(options: TestContextOptions): PluginContext {
  return {
    signal: options.signal ?? new AbortController().signal,
    logger: options.logger ?? silentLogger,
    clock: {
      now: () => new Date(),
      sleep: async (ms, { signal }) => {
        signal.throwIfAborted()
        await sleep(ms, undefined, { signal }).catch((error: unknown) => {
          signal.throwIfAborted()
          throw error
        })
      },
    },
    randomBytes: options.seed === undefined ? (sizeBytes) => randomBytes(sizeBytes) : seededSource(options.seed),
    tempDir: options.tempDir,
    baseDir: options.baseDir ?? options.tempDir,
    resolveSecret: async (reference) => secretValue(await readSecret(reference)),
  }
}

const silent = (): void => undefined

/** A logger that drops every line. */
export const silentLogger: Logger = {
  trace: silent,
  debug: silent,
  info: silent,
  warn: silent,
  error: silent,
  fatal: silent,
}

function seededSource(seed: number): (sizeBytes: number) => Uint8Array {
  let calls = 0
  return (sizeBytes) => seededBytes(sizeBytes, mix(seed, calls++))
}

async function readSecret(reference: SecretReference): Promise<string> {
  if ('env' in reference) {
    const text = process.env[reference.env]
    if (text === undefined) throw new BackupError('E_SECRET', `Environment variable ${reference.env} is not set.`)
    return text
  }
  if ('file' in reference) return (await readFile(reference.file, 'utf8')).trimEnd()
  const [command, ...parameters] = reference.command
  return (await promisify(execFile)(command, parameters)).stdout.trimEnd()
}
