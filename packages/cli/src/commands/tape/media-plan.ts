import type { NeededMedium } from '@holdfast/core'
import { neededMedia } from '@holdfast/core/engine'
import { cheapestCopy, placeWords } from '../../copy-choice.js'
import type { Invocation, Outcome } from '../../invocation.js'
import { usageError } from '../../output.js'
import { awayWords, neededDocument } from '../../render/media.js'
import { printable } from '../../render/printable.js'
import { renderTable } from '../../render/table.js'
import { openSession } from '../../session.js'
import { copiesOf, findPoint, reportUnread, type StoredPoint, storedPoints } from '../../stored-points.js'
import { chosenTargets } from '../../target-access.js'

/** Which copies to look at. */
export interface MediaPlanOptions {
  readonly target?: string
}

/** Tells which media a restore of points needs, in the order in which they are read, and where they are. */
export async function mediaPlan(
  invocation: Invocation,
  wanted: readonly string[],
  { target }: MediaPlanOptions,
): Promise<Outcome> {
  const { output, signal } = invocation
  await using session = await openSession(invocation)
  const targets = chosenTargets(session.config, target === undefined ? [] : [target])
  await using stored = await storedPoints(session, targets, invocation)
  const onMedia = stored.points.filter(({ repository }) => repository.store.capabilities.media)
  if (onMedia.length === 0) {
    throw usageError(
      `There is no point on media; looked at ${targets.join(', ')}.`,
      "What is elsewhere needs none: restore it as it is with 'holdfast restore'.",
    )
  }
  // What is latest there counts: a newer point that was not copied yet needs no media.
  const there = { ...stored, points: onMedia }
  const chosen: StoredPoint[] = []
  for (const found of new Set(wanted.map((name) => findPoint(there, name, session))))
    chosen.push((await cheapestCopy(copiesOf(there, found), undefined, invocation)).copy)
  const documents: object[] = []
  for (const [repository, copies] of Map.groupBy(chosen, (copy) => copy.repository)) {
    const points = copies.map(({ entry }) => entry.point)
    const needed = await neededMedia(repository, points, { signal })
    const [first] = copies
    if (first === undefined) continue
    const names = copies.map(({ entry: { point } }) => `${point.machine.name} ${point.id}`).join(', ')
    output.line(
      printable(
        `${names} on ${placeWords(first)}: needs ${needed.length === 1 ? 'one medium' : `${needed.length} media`}`,
      ),
    )
    for (const line of mediaTable(needed, output.colors.bold)) output.line(`  ${line}`)
    documents.push({
      target: first.target,
      ...(first.set !== undefined && { set: first.set.id }),
      points: points.map(({ id, machine }) => ({ point: id, machine: machine.name })),
      media: needed.map(neededDocument),
    })
  }
  output.document(documents)
  return { exitCode: reportUnread(stored, invocation) ? 3 : 0 }
}

function mediaTable(needed: readonly NeededMedium[], emphasise: (heading: string) => string): readonly string[] {
  if (needed.length === 0) return []
  const columns = [
    { heading: '', align: 'right' },
    { heading: 'medium' },
    { heading: 'objects', align: 'right' },
    { heading: 'where' },
  ] as const
  const rows = needed.map((medium, at) => [
    String(at + 1),
    medium.name,
    String(medium.keys.length),
    medium.isOnline ? 'online' : awayWords(medium),
  ])
  return renderTable(columns, rows, emphasise)
}
