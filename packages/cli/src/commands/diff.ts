import { BackupError } from '@holdfast/core'
import { type DiskDifference, diffPoints } from '@holdfast/core/engine'
import type { Invocation, Outcome } from '../invocation.js'
import { printable } from '../render/printable.js'
import { counted, formatBytes } from '../render/units.js'
import { openSession } from '../session.js'
import { copiesOf, findPoint, reportUnread, storedPoints } from '../stored-points.js'
import { chosenTargets } from '../target-access.js'

/** Where to look. */
export interface DiffOptions {
  readonly target?: string
}

/** Shows which ranges of each disk differ between two points. */
export async function diff(
  invocation: Invocation,
  before: string,
  after: string,
  { target }: DiffOptions,
): Promise<Outcome> {
  const { output, signal } = invocation
  await using session = await openSession(invocation)
  const targets = chosenTargets(session.config, target === undefined ? [] : [target])
  await using stored = await storedPoints(session, targets, invocation)
  const older = copiesOf(stored, findPoint(stored, before, session))
  const newer = copiesOf(stored, findPoint(stored, after, session))
  const place = older.find((copy) => newer.some((other) => other.repository === copy.repository))
  const partner = newer.find((copy) => copy.repository === place?.repository)
  if (place === undefined || partner === undefined) {
    throw new BackupError('E_POINT_NOT_FOUND', `No target, and no media set, has both '${before}' and '${after}'.`, {
      hint: "Copy one of them with 'holdfast copy', then compare on that target.",
    })
  }
  const { repository } = place
  const [first, second] = [place.entry.point, partner.entry.point]
  const disks = await diffPoints(repository, first, second, { signal })
  output.document({ target: place.target, before: first.id, after: second.id, machine: second.machine.name, disks })
  output.line(printable(`${first.machine.name} ${first.id} → ${second.machine.name} ${second.id} on ${place.target}`))
  for (const disk of disks) output.line(`  ${printable(describe(disk))}`)
  return { exitCode: reportUnread(stored, invocation) ? 3 : 0 }
}

function describe({ disk, change, changedBytes, extents }: DiskDifference): string {
  if (change !== 'changed') return `${disk}: ${change}`
  return `${disk}: ${formatBytes(changedBytes)} changed in ${counted(extents.length, 'extent')}`
}
