import { copyPoints } from '@holdfast/core/engine'
import type { Invocation, Outcome } from '../invocation.js'
import { usageError } from '../output.js'
import { progressView } from '../render/progress.js'
import { counted, formatBytes } from '../render/units.js'
import { openSession, pipelinesNamed, type Session } from '../session.js'
import {
  findPoint,
  latestPoints,
  reportUnread,
  type StoredPoint,
  type StoredPoints,
  storedPoints,
} from '../stored-points.js'
import { chosenTargets, hasSets, openToWrite, writingChain } from '../target-access.js'

/** From where to where. */
export interface CopyCommandOptions {
  readonly from: string
  readonly to: string
  readonly all?: boolean
  /** The newest point of each machine. */
  readonly latest?: boolean
  /** Only points of this pipeline. */
  readonly pipeline?: string
  /** How long the media set that is written is kept at least, in ms. */
  readonly keep?: number
}

/** Copies recovery points from one target to another. */
export async function copy(
  invocation: Invocation,
  wanted: readonly string[],
  options: CopyCommandOptions,
): Promise<Outcome> {
  const { from, to, all = false, latest = false, keep } = options
  if (Number(all) + Number(latest) + Number(wanted.length > 0) !== 1) {
    throw usageError(
      'Name the points to copy, or say --all or --latest.',
      "See 'holdfast list' for their ids; web@latest works too.",
    )
  }
  if (from === to) throw usageError(`Target '${from}' cannot be copied to itself.`, 'Give --from and --to two targets.')
  const { output, signal } = invocation
  await using session = await openSession(invocation)
  const { config, host } = session
  chosenTargets(config, [from, to])
  if (keep !== undefined && !hasSets(config, to))
    throw usageError(
      `Target '${to}' has no media sets.`,
      'Leave --keep out: retention decides which points stay there.',
    )
  await using source = await storedPoints(session, [from], invocation)
  const chosen = new Set(chosenPoints(source, wanted, options, session))
  const keepUntil = keep === undefined ? undefined : new Date(host.clock.now().getTime() + keep)
  await using destination = await openToWrite(session, to, invocation, keepUntil)
  using progress = progressView(output, 'copied')
  const copied: { readonly point: string; readonly machine: string; readonly storedBytes: number }[] = []
  const skipped: string[] = []
  // Where media sets are copied from, each is a repository of its own.
  for (const [repository, points] of Map.groupBy(chosen, (point) => point.repository)) {
    const report = await copyPoints(
      repository,
      destination.repository,
      points.map(({ entry }) => entry),
      {
        signal,
        onEvent: progress.onEvent,
        target: to,
        transforms: writingChain(config, to, destination.repository.description.encrypted),
        workers: host.workers,
      },
    )
    copied.push(...report.copied)
    skipped.push(...report.skipped)
  }
  progress.close()
  const storedBytes = copied.reduce((sum, point) => sum + point.storedBytes, 0)
  const there = skipped.length === 0 ? '' : `, ${skipped.length} there already`
  output.line(`${from} → ${to}: ${counted(copied.length, 'point')} copied, ${formatBytes(storedBytes)} new${there}`)
  const unread = reportUnread(source, invocation)
  return { exitCode: unread && wanted.length === 0 ? 3 : 0, result: { from, to, copied, skipped } }
}

function chosenPoints(
  stored: StoredPoints,
  wanted: readonly string[],
  { all = false, latest = false, pipeline }: CopyCommandOptions,
  session: Session,
): readonly StoredPoint[] {
  if (pipeline !== undefined) pipelinesNamed(session.config, [pipeline])
  const isMeant = ({ entry }: StoredPoint) => pipeline === undefined || entry.point.pipeline === pipeline
  const meant = { ...stored, points: stored.points.filter(isMeant) }
  if (all) return meant.points
  return latest ? latestPoints(meant, session) : wanted.map((name) => findPoint(meant, name, session))
}
