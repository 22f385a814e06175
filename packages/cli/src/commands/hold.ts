import { BackupError } from '@holdfast/core'
import type { Invocation, Outcome } from '../invocation.js'
import { keptWords } from '../render/media.js'
import { openSession } from '../session.js'
import { copiesOf, findPoint, reportUnread, storedPoints } from '../stored-points.js'
import { chosenTargets } from '../target-access.js'

/** Which copies, and whether to hold or to let go. */
export interface HoldOptions {
  readonly target?: string
  readonly release?: boolean
}

/** Keeps a recovery point from being pruned, on every target that has it, or releases it. */
export async function hold(
  invocation: Invocation,
  wanted: string,
  { target, release = false }: HoldOptions,
): Promise<Outcome> {
  const { output, signal } = invocation
  await using session = await openSession(invocation)
  const targets = chosenTargets(session.config, target === undefined ? [] : [target])
  await using stored = await storedPoints(session, targets, invocation)
  const copies = copiesOf(stored, findPoint(stored, wanted, session))
  const holdable = copies.filter(({ set }) => set === undefined)
  if (holdable.length === 0) throw onMediaOnly(wanted, targets)
  for (const { target: name, set } of copies) {
    if (set !== undefined) output.line(`${name}: ${keptWords(set)}, whatever is held`)
  }
  for (const { target: name, repository, entry } of holdable) {
    await repository.points.hold(entry, !release, { signal })
    output.line(`${entry.point.id} on ${name}: ${release ? 'released' : 'held'}`)
  }
  const points = holdable.map(({ target: name, entry }) => ({ point: entry.point.id, target: name, held: !release }))
  return { exitCode: reportUnread(stored, invocation) ? 3 : 0, result: { points } }
}

function onMediaOnly(wanted: string, targets: readonly string[]): BackupError {
  return new BackupError(
    'E_UNSUPPORTED',
    `'${wanted}' is only on media sets, which are kept whole and for their time.`,
    {
      context: { targets: targets.join(' ') },
      hint: 'Nothing removes single points from a set. Copy the point to another target and hold it there.',
    },
  )
}
