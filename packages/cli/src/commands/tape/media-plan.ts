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
  const chosen: StoredPoint[] = []
  for (const found of new Set(wanted.map((name) => findPoint(stored, name, session))))
    chosen.push(await onMedia(copiesOf(stored, found), invocation))
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

/** The cheapest copy among those on media. */
async function onMedia(copies: readonly StoredPoint[], invocation: Invocation): Promise<StoredPoint> {
  const there = copies.filter(({ repository }) => repository.store.capabilities.media)
  if (there.length > 0) return (await cheapestCopy(there, undefined, invocation)).copy
  const places = [...new Set(copies.map(({ target }) => target))].join(', ')
  throw usageError(
    `${copies[0]?.entry.point.id} is on ${places} only, where a restore needs no media.`,
    "Restore it as it is with 'holdfast restore', or name points that were copied to media.",
  )
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
