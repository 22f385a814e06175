import { resolve } from 'node:path'
import type { DiskId } from '@holdfast/core'
import { restorePoint } from '@holdfast/core/engine'
import { type Mapping, placeInFolder } from '@holdfast/machine-files'
import { asFormat } from '../image-access.js'
import type { Invocation, Outcome } from '../invocation.js'
import { printable } from '../render/printable.js'
import { progressView } from '../render/progress.js'
import { counted, formatBytes, formatDuration } from '../render/units.js'
import { openWorkingSession } from '../session.js'
import { findPoint, storedPoints } from '../stored-points.js'
import { chosenTargets } from '../target-access.js'

/** What to restore to where. */
export interface RestoreOptions {
  readonly to: string
  readonly target?: string
  readonly disk?: readonly string[]
  readonly name?: string
  readonly as?: string
  readonly variant?: string
}

/** Restores a machine from a recovery point into a folder of images, with a description for their hypervisor. */
export async function restore(invocation: Invocation, wanted: string, options: RestoreOptions): Promise<Outcome> {
  const { output, signal, cwd } = invocation
  const startedAt = performance.now()
  await using session = await openWorkingSession(invocation)
  const targets = chosenTargets(session.config, options.target === undefined ? [] : [options.target])
  await using stored = await storedPoints(session, targets, invocation)
  const { target, entry } = findPoint(stored, wanted, session)
  for (const { error } of stored.unreachable) output.error(error)
  const { repository } = stored.repositoryOf(target)
  const folder = resolve(cwd, options.to)
  const format = asFormat(options.as ?? 'raw', '--as')
  const kind = { format, ...(options.variant !== undefined && { variant: options.variant }) }
  const mapping: Mapping[] = []
  using progress = progressView(output, 'written')
  const report = await restorePoint(
    repository,
    entry.point,
    async (machine, disks) => {
      const named = { ...machine, name: options.name ?? machine.name }
      const placed = await placeInFolder(folder, named, disks, { kind })
      mapping.push(...placed.report)
      for (const { what, from, to, why } of placed.report) output.line(printable(`${what}: ${from} → ${to}. ${why}`))
      return placed
    },
    session.pool,
    { signal, onEvent: progress.onEvent, ...(options.disk !== undefined && { disks: options.disk.map(asDiskId) }) },
  )
  progress.close()
  const writtenBytes = report.disks.reduce((sum, disk) => sum + disk.writtenBytes, 0)
  const amount = `${counted(report.disks.length, 'disk')}, ${formatBytes(writtenBytes)} written`
  const took = formatDuration(performance.now() - startedAt)
  output.line(printable(`${report.machine}: restored from ${report.point} on ${target} in ${took}: ${amount}`))
  output.line(printable(`  ${report.location}`))
  for (const { id, reason } of entry.point.unavailable) output.warning(`${id} is not in this point: ${reason}`)
  return { exitCode: 0, result: { ...report, target, mapping } }
}

/** The engine compares ids with those of the point and refuses others. */
function asDiskId(text: string): DiskId {
  return text as DiskId
}
