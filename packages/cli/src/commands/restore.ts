import { resolve } from 'node:path'
import type { DiskId } from '@holdfast/core'
import { openRestoringSource, type Provision, type RestoreReport, restorePoint } from '@holdfast/core/engine'
import { type Mapping, placeInFolder } from '@holdfast/machine-files'
import { type ChosenCopy, cheapestCopy, placeWords, tellMedia } from '../copy-choice.js'
import { type ExitCode, exitCodeOf, joinedExitCode } from '../exit-code.js'
import { asFormat } from '../image-access.js'
import type { Invocation, Outcome } from '../invocation.js'
import { usageError } from '../output.js'
import { errorDocument } from '../render/errors.js'
import { neededDocument } from '../render/media.js'
import { printable } from '../render/printable.js'
import { progressView } from '../render/progress.js'
import { counted, formatBytes, formatDuration } from '../render/units.js'
import { openWorkingSession, pipelinesNamed, type WorkingSession } from '../session.js'
import { copiesOf, findPoint, type StoredPoint, storedPoints } from '../stored-points.js'
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

/** Restores machines from recovery points: into a folder of images with a description, or on the source of a pipeline. */
export async function restore(
  invocation: Invocation,
  wanted: readonly string[],
  options: RestoreOptions,
): Promise<Outcome> {
  const { output, signal } = invocation
  checkPlace(options)
  if (wanted.length > 1 && options.name !== undefined)
    throw usageError('One name does not fit several machines.', 'Leave --name out, or restore one point.')
  await using session = await openWorkingSession(invocation)
  const targets = chosenTargets(session.config, options.target === undefined ? [] : [options.target])
  await using stored = await storedPoints(session, targets, invocation)
  for (const { error } of stored.unreachable) output.error(error)
  const disks = options.disk?.map(asDiskId)
  const jobs: ChosenCopy[] = []
  for (const found of new Set(wanted.map((name) => findPoint(stored, name, session)))) {
    const chosen = await cheapestCopy(copiesOf(stored, found), disks, invocation)
    tellMedia(chosen, invocation)
    jobs.push(chosen)
  }
  const mapping: Mapping[] = []
  await using place = await placeFor(options, session, invocation, mapping)
  const restored: object[] = []
  const codes: ExitCode[] = []
  for (const job of jobs) {
    mapping.length = 0
    try {
      const report = await restoreOne(session, job.copy, place, disks, invocation)
      restored.push({ ...report, ...placeOf(job), mapping: [...mapping] })
      codes.push(0)
    } catch (error) {
      signal.throwIfAborted()
      if (jobs.length === 1) throw error
      output.error(error)
      const { point } = job.copy.entry
      restored.push({ point: point.id, machine: point.machine.name, ...placeOf(job), error: errorDocument(error) })
      codes.push(exitCodeOf(error))
    }
  }
  return { exitCode: joinedExitCode(codes), result: { ...(restored.length === 1 && restored[0]), restored } }
}

/** Restores one point, and says so. */
async function restoreOne(
  session: WorkingSession,
  { target, set, repository, entry }: StoredPoint,
  { provision }: Place,
  disks: readonly DiskId[] | undefined,
  { output, signal }: Invocation,
): Promise<RestoreReport> {
  const startedAt = performance.now()
  using progress = progressView(output, 'written')
  const report = await restorePoint(repository, entry.point, provision, session.pool, {
    signal,
    onEvent: progress.onEvent,
    ...(disks !== undefined && { disks }),
  })
  progress.close()
  const writtenBytes = report.disks.reduce((sum, disk) => sum + disk.writtenBytes, 0)
  const amount = `${counted(report.disks.length, 'disk')}, ${formatBytes(writtenBytes)} written`
  const took = formatDuration(performance.now() - startedAt)
  const from = placeWords({ target, set })
  output.line(printable(`${report.machine}: restored from ${report.point} on ${from} in ${took}: ${amount}`))
  output.line(printable(`  ${report.location}`))
  for (const { id, reason } of entry.point.unavailable) output.warning(`${id} is not in this point: ${reason}`)
  return report
}

function placeOf({ copy: { target, set }, needed }: ChosenCopy): object {
  return {
    target,
    ...(set !== undefined && { set: set.id }),
    ...(needed.length > 0 && { media: needed.map(neededDocument) }),
  }
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
