import { randomBytes } from 'node:crypto'
import type { PluginContext, PluginKind } from '@holdfast/core'
import type { Check, CheckEnvironment } from './checks/check.js'
import type { EnvironmentByKind } from './checks/environment.js'

/** What a check needs of whoever runs it. */
export interface RunCheckOptions {
  /** Context that plugins are opened with. */
  readonly context: PluginContext
  /** Longest that the check may take, in ms. @defaultValue `60_000` */
  readonly timeoutMs?: number
}

/** Runs one check; rejects when the plugin fails it. On failure what was stored is left for inspection. */
export async function runCheck<Kind extends PluginKind>(
  check: Check<Kind>,
  environment: EnvironmentByKind[Kind],
  { context, timeoutMs = 60_000 }: RunCheckOptions,
): Promise<void> {
  const abort = new AbortController()
  const { promise: late, reject } = Promise.withResolvers<never>()
  const timer = setTimeout(() => {
    const error = new Error(`The check did not end within ${timeoutMs / 1000} s.`)
    abort.abort(error)
    reject(error)
  }, timeoutMs)
  const uniqueName = `holdfast-check-${randomBytes(5).toString('hex')}`
  const env: CheckEnvironment<Kind> = { ...environment, context, signal: abort.signal, uniqueName }
  try {
    await Promise.race([check.run(env), late])
    if (check.cleanUp !== undefined) await Promise.race([check.cleanUp(env), late])
  } finally {
    clearTimeout(timer)
  }
}
