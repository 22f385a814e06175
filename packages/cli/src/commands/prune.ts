import { type PruneReport, pruneRepository } from '@holdfast/core/engine'
import { type ExitCode, exitCodeOf, joinedExitCode } from '../exit-code.js'
import type { Invocation, Outcome } from '../invocation.js'
import { errorDocument } from '../render/errors.js'
import { progressView } from '../render/progress.js'
import { renderTable } from '../render/table.js'
import { counted, formatBytes, formatTime } from '../render/units.js'
import { openSession, type Session } from '../session.js'
import { chosenTargets, hasSets, openChosen, writingChain } from '../target-access.js'

/** What to prune. */
export interface PruneCommandOptions {
  readonly target?: string
  readonly dryRun?: boolean
}

/** Removes what retention no longer wants, and says why of each point. */
export async function prune(invocation: Invocation, { target, dryRun = false }: PruneCommandOptions): Promise<Outcome> {
  const { output, signal } = invocation
  await using session = await openSession(invocation)
  const targets = chosenTargets(session.config, target === undefined ? [] : [target])
  const reports: object[] = []
  const codes: ExitCode[] = []
  for (const name of targets) {
    if (targets.length > 1 && hasSets(session.config, name)) {
      output.line(`${name}: media sets are kept whole and for their time, there is nothing to prune`)
      continue
    }
    try {
      const report = await pruneTarget(session, name, dryRun, invocation)
      reports.push({ target: name, ...report })
      codes.push(0)
    } catch (error) {
      signal.throwIfAborted()
      if (targets.length === 1) throw error
      output.error(error)
      reports.push({ target: name, error: errorDocument(error) })
      codes.push(exitCodeOf(error))
    }
  }
  return { exitCode: joinedExitCode(codes), result: { targets: reports } }
}

async function pruneTarget(
  session: Session,
  target: string,
  dryRun: boolean,
  invocation: Invocation,
): Promise<PruneReport> {
  const { output, signal } = invocation
  const { config, host } = session
  await using opened = await openChosen(session, target, invocation)
  using progress = progressView(output, 'read')
  const report = await pruneRepository(opened.repository, {
    signal,
    onEvent: progress.onEvent,
    dryRun,
    retentionOf: (name) => config.pipelines.find((pipeline) => pipeline.name === name)?.retention,
    transforms: writingChain(config, target, opened.repository.description.encrypted),
    workers: host.workers,
  })
  progress.close()
  for (const line of describe(target, report, output.colors.bold)) output.line(line)
  return report
}

function describe(target: string, report: PruneReport, emphasise: (text: string) => string): readonly string[] {
  const { dryRun, decisions, removedPoints, removedPacks, freedBytes, repackedBytes, waitingPacks } = report
  const columns = [
    { heading: '' },
    { heading: 'point' },
    { heading: 'machine' },
    { heading: 'taken' },
    { heading: 'why' },
  ]
  const rows = decisions.map(({ point, machine, takenAt, keep, reasons }) => [
    keep ? 'keep' : 'remove',
    point,
    machine,
    formatTime(takenAt),
    reasons.join(', '),
  ])
  const removed = `${counted(removedPoints, 'point')} and ${counted(removedPacks, 'pack')} ${dryRun ? 'would be removed' : 'removed'}`
  const rest = [
    `${formatBytes(freedBytes)} ${dryRun ? 'would be freed' : 'freed'}`,
    ...(repackedBytes > 0 ? [`${formatBytes(repackedBytes)} stored anew`] : []),
    ...(waitingPacks > 0 ? [`${counted(waitingPacks, 'pack')} waiting for running writers`] : []),
  ]
  const table = rows.length === 0 ? [] : renderTable(columns, rows, emphasise)
  return [...table, `${target}: ${removed}, ${rest.join(', ')}`]
}
