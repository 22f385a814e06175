import type { Invocation, Outcome } from '../invocation.js'
import { keptWords, mediaNames, setDocument } from '../render/media.js'
import { printable } from '../render/printable.js'
import { formatBytes, formatDuration, formatTime } from '../render/units.js'
import { verificationDetails } from '../render/verifications.js'
import { openSession } from '../session.js'
import { copiesOf, findPoint, reportUnread, type StoredPoint, storedPoints } from '../stored-points.js'
import { chosenTargets } from '../target-access.js'
import { listedPoint } from './list.js'

/** Which target to look at. */
export interface ShowOptions {
  readonly target?: string
}

/** Shows everything about one recovery point. */
export async function show(invocation: Invocation, wanted: string, { target }: ShowOptions): Promise<Outcome> {
  const { output } = invocation
  await using session = await openSession(invocation)
  await using stored = await storedPoints(
    session,
    chosenTargets(session.config, target === undefined ? [] : [target]),
    invocation,
  )
  const found = findPoint(stored, wanted, session)
  const copies = copiesOf(stored, found)
  const targets = [...new Set(copies.map((copy) => copy.target))]
  const sets = copies.flatMap(({ target, set }) => (set === undefined ? [] : [{ target, ...setDocument(set) }]))
  output.document({ ...listedPoint(found), targets, ...(sets.length > 0 && { sets }), point: found.entry.point })
  for (const [name, value] of details(found, targets, copies)) {
    output.line(`${(name === '' ? '' : `${name}:`).padEnd(13)}${printable(value)}`)
  }
  return { exitCode: reportUnread(stored, invocation) ? 3 : 0 }
}

function details(
  { entry }: StoredPoint,
  targets: readonly string[],
  copies: readonly StoredPoint[],
): readonly (readonly [string, string])[] {
  const { point, held, verifications } = entry
  const { machine } = point
  return [
    ['point', point.id],
    ['machine', machine.id === machine.name ? machine.name : `${machine.name} (${machine.id})`],
    ['targets', targets.join(', ')],
    ...copies.flatMap(({ target, set }): (readonly [string, string])[] =>
      set === undefined ? [] : [['media', `${target}: ${mediaNames(set) || 'none'}; ${keptWords(set)}`]],
    ),
    ['pipeline', `${point.pipeline}, run ${point.runId}`],
    ['taken', `${formatTime(point.takenAt)}, complete ${formatTime(point.completedAt)}`],
    ['consistency', point.consistency],
    ...point.quiesce.map(({ hook, consistency, frozenMs, failure }): readonly [string, string] => [
      'quiesce',
      `${hook}: ${consistency}, frozen ${formatDuration(frozenMs)}${failure === undefined ? '' : `, failed: ${failure}`}`,
    ]),
    [
      'size',
      `${formatBytes(point.sizeBytes)}, ${formatBytes(point.readBytes)} read, ${formatBytes(point.storedBytes)} new`,
    ],
    ...point.disks.map(({ id, sizeBytes, readBytes, tracking }): readonly [string, string] => [
      'disk',
      `${id}: ${formatBytes(sizeBytes)}, ${formatBytes(readBytes)} read, ${tracking.mode} (${tracking.reason})`,
    ]),
    ...point.unavailable.map(({ id, reason }): readonly [string, string] => ['missing', `${id}: ${reason}`]),
    ...(point.previous === undefined ? [] : [['previous', point.previous] as const]),
    ...(point.copiedFrom === undefined
      ? []
      : [['copied from', `${point.copiedFrom.point} of ${point.copiedFrom.repository}`] as const]),
    ['held', held ? 'yes' : 'no'],
    ...verifications.flatMap(verificationDetails),
  ]
}
