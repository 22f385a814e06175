import { writeFile } from 'node:fs/promises'
import { resolve } from 'node:path'
import { isBackupError, type PluginKind } from '@holdfast/core'
import type { ConformanceReport, EnvironmentByKind } from '@holdfast/testkit'
import { conformanceSubject } from '../conformance-subject.js'
import type { Invocation, Outcome } from '../invocation.js'
import { usageError } from '../output.js'

/** Which checks, and what to write. */
export interface ConformanceCommandOptions {
  readonly only?: readonly string[]
  /** File for a JUnit report. */
  readonly junit?: string
}

const kinds = ['source', 'quiesce', 'transform', 'target'] as const satisfies readonly PluginKind[]

/** Holds a plugin to the checks of its kind. */
export async function conformance(
  invocation: Invocation,
  kindText: string,
  subject: string,
  { only, junit }: ConformanceCommandOptions,
): Promise<Outcome> {
  const { output, cwd } = invocation
  const kind = kinds.find((known) => known === kindText)
  if (kind === undefined) throw usageError(`There is no plugin kind '${kindText}'.`, `Kinds: ${kinds.join(', ')}.`)
  const testkit = await loadTestkit()
  const ids = testkit.checksOf(kind).map(({ id }) => id)
  const unknown = only?.find((start) => !ids.some((id) => id === start || id.startsWith(`${start}/`)))
  if (unknown !== undefined) {
    const groups = [...new Set(ids.map((id) => id.split('/').slice(0, 2).join('/')))]
    throw usageError(`No check is called '${unknown}'.`, `Checks start with: ${groups.join(', ')}.`)
  }
  const { environment, baseDir } = await conformanceSubject(kind, subject, invocation)
  const report: ConformanceReport = await testkit.runConformance<typeof kind>(
    kind,
    environment as EnvironmentByKind[typeof kind],
    {
      baseDir,
      ...(only !== undefined && { only }),
      onResult: (result) => output.event({ type: 'check', ...result }),
    },
  )
  output.line(testkit.renderText(report).trimEnd())
  if (junit !== undefined) await writeFile(resolve(cwd, junit), testkit.renderJUnit(report))
  return { exitCode: testkit.conforms(report) ? 0 : 1, result: { ...report } }
}

async function loadTestkit() {
  try {
    return await import('@holdfast/testkit')
  } catch (error) {
    if (isBackupError(error) || !isMissingModule(error)) throw error
    throw usageError('The conformance kit is not installed.', 'Run npm install --save-dev @holdfast/testkit.')
  }
}

function isMissingModule(error: unknown): boolean {
  return error instanceof Error && 'code' in error && error.code === 'ERR_MODULE_NOT_FOUND'
}
