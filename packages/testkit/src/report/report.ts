import type { PluginKind } from '@holdfast/core'

/** How one check went. */
export interface CheckResult {
  readonly id: string
  readonly title: string
  readonly status: 'passed' | 'failed' | 'not-applicable'
  /** Why it failed, or why it does not apply. */
  readonly reason?: string
  readonly durationMs: number
}

/** How a plugin went through all checks of its kind. */
export interface ConformanceReport {
  readonly kind: PluginKind
  /** Id of the plugin. */
  readonly plugin: string
  /** What the plugin declares. */
  readonly capabilities: Readonly<Record<string, unknown>>
  readonly results: readonly CheckResult[]
}

/** Counts the results by status. */
export function countResults({ results }: ConformanceReport): Readonly<Record<CheckResult['status'], number>> {
  const counts = { passed: 0, failed: 0, 'not-applicable': 0 }
  for (const { status } of results) counts[status]++
  return counts
}

/** Tells whether the plugin keeps the contract: something was checked and nothing failed. */
export function conforms(report: ConformanceReport): boolean {
  const { passed, failed } = countResults(report)
  return passed > 0 && failed === 0
}
