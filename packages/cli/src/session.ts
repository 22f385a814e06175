import { mkdtemp, rm } from 'node:fs/promises'
import { availableParallelism, tmpdir } from 'node:os'
import { join } from 'node:path'
import { createSecretResolver, type LoadedConfig, loadConfig } from '@holdfast/config'
import type { Pipeline } from '@holdfast/core'
import { type EngineHost, engineHost, type WorkerPool, workerPool } from '@holdfast/core/engine'
import type { Invocation } from './invocation.js'
import { usageError } from './output.js'

/** A loaded configuration and the host that its plugins run in. */
export interface Session extends AsyncDisposable {
  readonly config: LoadedConfig
  readonly host: EngineHost
}

/** Loads the configuration and makes the host. Disposal removes the temporary folder. */
export async function openSession(invocation: Invocation): Promise<Session> {
  const { common, output, signal, cwd, environment, headStart } = invocation
  const config = await loadConfig(common.config, { cwd, signal })
  const resolveSecret = createSecretResolver({ baseDir: config.baseDir, environment })
  const tempDir = await mkdtemp(join(tmpdir(), 'holdfast-'))
  const host = engineHost({
    baseDir: config.baseDir,
    tempDir,
    logger: output.logger,
    deriveKey: headStart.deriveKey,
    resolveSecret: async (reference, options) => {
      const secret = await resolveSecret(reference, options)
      output.hide(secret.reveal())
      headStart.onSecret(reference, secret.reveal(), config.baseDir)
      return secret
    },
  })
  return { config, host, [Symbol.asyncDispose]: () => rm(tempDir, { recursive: true, force: true }) }
}

/** A session with worker threads. */
export interface WorkingSession extends Session {
  readonly pool: WorkerPool
}

/** Opens a session with threads. */
export async function openWorkingSession(invocation: Invocation): Promise<WorkingSession> {
  const session = await openSession(invocation)
  const pool = workerPool(availableParallelism())
  const dispose = async () => {
    await pool[Symbol.asyncDispose]()
    await session[Symbol.asyncDispose]()
  }
  return { ...session, pool, [Symbol.asyncDispose]: dispose }
}

/** The pipelines of these names, or all. @throws BackupError `E_USAGE` */
export function pipelinesNamed({ pipelines }: LoadedConfig, names: readonly string[]): readonly Pipeline[] {
  const known = pipelines.map(({ name }) => name)
  if (known.length === 0) {
    throw usageError('The configuration has no pipeline.', 'Add one under pipelines: with a source and targets.')
  }
  if (names.length === 0) return pipelines
  for (const name of names) {
    if (!known.includes(name)) {
      throw usageError(`There is no pipeline '${name}'.`, `Pipelines of the configuration: ${known.join(', ')}.`)
    }
  }
  return pipelines.filter(({ name }) => names.includes(name))
}
