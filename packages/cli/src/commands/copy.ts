import { copyPoints } from '@holdfast/core/engine'
import { choosePoint, type PointEntry } from '@holdfast/core/repository'
import type { Invocation, Outcome } from '../invocation.js'
import { usageError } from '../output.js'
import { progressView } from '../render/progress.js'
import { counted, formatBytes } from '../render/units.js'
import { openSession } from '../session.js'
import { chosenTargets, openChosen, writingChain } from '../target-access.js'

/** From where to where. */
export interface CopyCommandOptions {
  readonly from: string
  readonly to: string
  readonly all?: boolean
}

/** Copies recovery points from one target to another. */
export async function copy(
  invocation: Invocation,
  wanted: readonly string[],
  { from, to, all = false }: CopyCommandOptions,
): Promise<Outcome> {
  if (all === wanted.length > 0) {
    throw usageError(
      'Name the points to copy, or say --all.',
      "See 'holdfast list' for their ids; web@latest works too.",
    )
  }
  if (from === to) throw usageError(`Target '${from}' cannot be copied to itself.`, 'Give --from and --to two targets.')
  const { output, signal } = invocation
  await using session = await openSession(invocation)
  const { config, host } = session
  chosenTargets(config, [from, to])
  await using source = await openChosen(session, from, invocation)
  await using destination = await openChosen(session, to, invocation)
  const { entries, damaged } = await source.repository.points.list({ signal })
  for (const { error } of damaged) output.error(error)
  const chosen = new Set<PointEntry>(all ? entries : wanted.map((name) => choosePoint(entries, name, host.clock)))
  using progress = progressView(output, 'copied')
  const report = await copyPoints(source.repository, destination.repository, [...chosen], {
    signal,
    onEvent: progress.onEvent,
    target: to,
    transforms: writingChain(config, to, destination.repository.description.encrypted),
    workers: host.workers,
  })
  progress.close()
  const storedBytes = report.copied.reduce((sum, point) => sum + point.storedBytes, 0)
  const skipped = report.skipped.length === 0 ? '' : `, ${report.skipped.length} there already`
  output.line(
    `${from} → ${to}: ${counted(report.copied.length, 'point')} copied, ${formatBytes(storedBytes)} new${skipped}`,
  )
  return { exitCode: all && damaged.length > 0 ? 3 : 0, result: { from, to, ...report } }
}
