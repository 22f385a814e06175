import { resolve } from 'node:path'
import type { DiskId } from '@holdfast/core'
import { openRestoringSource, type Provision, restorePoint } from '@holdfast/core/engine'
import { type Mapping, placeInFolder } from '@holdfast/machine-files'
import { asFormat } from '../image-access.js'
import type { Invocation, Outcome } from '../invocation.js'
import { usageError } from '../output.js'
import { printable } from '../render/printable.js'
import { progressView } from '../render/progress.js'
import { counted, formatBytes, formatDuration } from '../render/units.js'
import { openWorkingSession, pipelinesNamed, type WorkingSession } from '../session.js'
import { findPoint, storedPoints } from '../stored-points.js'
import { chosenTargets } from '../target-access.js'

/** What to restore to where. */
export interface RestoreOptions {
  readonly to?: string
  /** Pipeline whose source gets the machine. */
  readonly on?: string
  /** Settings of the placement there. */
  readonly set?: Readonly<Record<string, string>>
  readonly target?: string
  readonly disk?: readonly string[]
  readonly name?: string
  readonly as?: string
  readonly variant?: string
}

/** Restores a machine from a recovery point: into a folder of images with a description, or on the source of a pipeline. */
export async function restore(invocation: Invocation, wanted: string, options: RestoreOptions): Promise<Outcome> {
  const { output, signal } = invocation
  const startedAt = performance.now()
  checkPlace(options)
  await using session = await openWorkingSession(invocation)
  const targets = chosenTargets(session.config, options.target === undefined ? [] : [options.target])
  await using stored = await storedPoints(session, targets, invocation)
  const { target, entry } = findPoint(stored, wanted, session)
  for (const { error } of stored.unreachable) output.error(error)
  const { repository } = stored.repositoryOf(target)
  const mapping: Mapping[] = []
  await using place = await placeFor(options, session, invocation, mapping)
  using progress = progressView(output, 'written')
  const report = await restorePoint(repository, entry.point, place.provision, session.pool, {
    signal,
    onEvent: progress.onEvent,
    ...(options.disk !== undefined && { disks: options.disk.map(asDiskId) }),
  })
  progress.close()
  const writtenBytes = report.disks.reduce((sum, disk) => sum + disk.writtenBytes, 0)
  const amount = `${counted(report.disks.length, 'disk')}, ${formatBytes(writtenBytes)} written`
  const took = formatDuration(performance.now() - startedAt)
  output.line(printable(`${report.machine}: restored from ${report.point} on ${target} in ${took}: ${amount}`))
  output.line(printable(`  ${report.location}`))
  for (const { id, reason } of entry.point.unavailable) output.warning(`${id} is not in this point: ${reason}`)
  return { exitCode: 0, result: { ...report, target, mapping } }
}

/** Where machines are put. */
interface Place extends AsyncDisposable {
  readonly provision: Provision
}

function checkPlace({ to, on, as, variant, set }: RestoreOptions): void {
  if ((to === undefined) === (on === undefined))
    throw usageError('Where to restore is missing, or said twice.', 'Give --to <folder> or --on <pipeline>.')
  if (on !== undefined && (as !== undefined || variant !== undefined))
    throw usageError('The source knows its own format.', 'Leave --as and --variant out, or restore --to a folder.')
  if (to !== undefined && set !== undefined)
    throw usageError('A folder has no settings.', 'Leave --set out, or restore --on a pipeline.')
}

async function placeFor(
  options: RestoreOptions,
  session: WorkingSession,
  invocation: Invocation,
  mapping: Mapping[],
): Promise<Place> {
  const { to, on, name, set } = options
  if (to !== undefined)
    return {
      provision: folderPlace(resolve(invocation.cwd, to), options, invocation, mapping),
      [Symbol.asyncDispose]: async () => {},
    }
  const [pipeline] = pipelinesNamed(session.config, on === undefined ? [] : [on])
  if (pipeline === undefined) throw usageError('There is no pipeline.', 'Add one to the configuration.')
  const { restore, ...source } = await openRestoringSource(pipeline.source, session.host, invocation)
  return {
    provision: (machine, disks, call) => {
      const specs = disks.map(({ id, sizeBytes }) => ({
        ...machine.disks.find((disk) => disk.id === id),
        id,
        sizeBytes,
      }))
      const placement = { ...(name !== undefined && { name }), ...(set !== undefined && { settings: set }) }
      return restore.provision({ ...machine, disks: specs }, placement, call)
    },
    [Symbol.asyncDispose]: () => source[Symbol.asyncDispose](),
  }
}

function folderPlace(
  folder: string,
  { as, variant, name }: RestoreOptions,
  { output }: Invocation,
  mapping: Mapping[],
): Provision {
  const kind = { format: asFormat(as ?? 'raw', '--as'), ...(variant !== undefined && { variant }) }
  return async (machine, disks) => {
    const placed = await placeInFolder(folder, { ...machine, name: name ?? machine.name }, disks, { kind })
    mapping.push(...placed.report)
    for (const { what, from, to, why } of placed.report) output.line(printable(`${what}: ${from} → ${to}. ${why}`))
    return placed
  }
}

/** The engine compares ids with those of the point and refuses others. */
function asDiskId(text: string): DiskId {
  return text as DiskId
}
