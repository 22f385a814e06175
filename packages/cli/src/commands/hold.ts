import type { Invocation, Outcome } from '../invocation.js'
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
  for (const { target: name, entry } of copies) {
    await stored.repositoryOf(name).repository.points.hold(entry, !release, { signal })
    output.line(`${entry.point.id} on ${name}: ${release ? 'released' : 'held'}`)
  }
  const points = copies.map(({ target: name, entry }) => ({ point: entry.point.id, target: name, held: !release }))
  return { exitCode: reportUnread(stored, invocation) ? 3 : 0, result: { points } }
}
