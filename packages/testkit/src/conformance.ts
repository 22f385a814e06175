import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { PluginKind } from '@holdfast/core'
import { whyNotApplicable } from './checks/check.js'
import type { EnvironmentByKind } from './checks/environment.js'
import { describeError } from './checks/expect.js'
import { capabilitiesOf, checksOf } from './checks/index.js'
import type { CheckResult, ConformanceReport } from './report/report.js'
import { runCheck } from './run-check.js'
import { testContext } from './test-context.js'

/** How to run a conformance suite. */
export interface ConformanceOptions {
  /** Only these checks, by id or by the start of it: `target/put`. @defaultValue all */
  readonly only?: readonly string[]
  /** Longest that one check may take, in ms. @defaultValue `60_000` */
  readonly timeoutMs?: number
  /** Folder that relative paths in the plugin's options start from. @defaultValue a temporary folder */
  readonly baseDir?: string
  /** Called after each check. */
  readonly onResult?: (result: CheckResult) => void
}

/** Runs every check of a kind against a plugin, one after another, without a test runner. */
export async function runConformance<Kind extends PluginKind>(
  kind: Kind,
  environment: EnvironmentByKind[Kind],
  options: ConformanceOptions = {},
): Promise<ConformanceReport> {
  const tempDir = await mkdtemp(join(tmpdir(), 'holdfast-conformance-'))
  try {
    const context = testContext({ tempDir, baseDir: options.baseDir ?? tempDir })
    const capabilities = capabilitiesOf<Kind>(environment)
    const results: CheckResult[] = []
    for (const check of checksOf(kind)) {
      const { id, title } = check
      if (options.only !== undefined && !options.only.some((start) => id === start || id.startsWith(`${start}/`)))
        continue
      const why = whyNotApplicable(check, environment, capabilities)
      const started = performance.now()
      const outcome =
        why !== undefined
          ? ({ status: 'not-applicable', reason: why } as const)
          : await runCheck(check, environment, {
              context,
              ...(options.timeoutMs && { timeoutMs: options.timeoutMs }),
            }).then(
              () => ({ status: 'passed' }) as const,
              (error: unknown) => ({ status: 'failed', reason: reasonOf(error) }) as const,
            )
      const result: CheckResult = { id, title, ...outcome, durationMs: Math.round(performance.now() - started) }
      results.push(result)
      options.onResult?.(result)
    }
    return { kind, plugin: environment.create().id, capabilities: { ...capabilities }, results }
  } finally {
    await rm(tempDir, { recursive: true, force: true })
  }
}

function reasonOf(error: unknown): string {
  // Node 22 has no SuppressedError of its own, and the build brings one.
  if (error instanceof Error && error.name === 'SuppressedError' && 'suppressed' in error && 'error' in error) {
    return `${reasonOf(error.suppressed)} Then: ${describeError(error.error)}`
  }
  return error instanceof Error && error.name === 'AssertionError' ? error.message : describeError(error)
}
