import { resolve } from 'node:path'
import type { DiskId } from '@holdfast/core'
import { openRestoringSource, type Provision, restorePoints } from '@holdfast/core/engine'
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
import { copiesOf, findPoint, storedPoints } from '../stored-points.js'
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
  await using place = await placeFor(options, session, invocation)
  const restored: object[] = []
  const codes: ExitCode[] = []
  for (const together of inOnePass(jobs)) {
    try {
      restored.push(...(await restoreTogether(session, together, place, disks, invocation)))
      codes.push(0)
    } catch (error) {
      signal.throwIfAborted()
      if (jobs.length === 1) throw error
      output.error(error)
      for (const { copy, ...job } of together) {
        const { id, machine } = copy.entry.point
        restored.push({ point: id, machine: machine.name, ...placeOf({ copy, ...job }), error: errorDocument(error) })
      }
      codes.push(exitCodeOf(error))
    }
  }
  return { exitCode: joinedExitCode(codes), result: { ...(restored.length === 1 && restored[0]), restored } }
}

/** Points that are read from the same tapes are read together, so that each tape is read once. */
function inOnePass(jobs: readonly ChosenCopy[]): readonly (readonly ChosenCopy[])[] {
  const groups = Map.groupBy(jobs, (job) =>
    job.copy.repository.store.capabilities.sequential ? job.copy.repository : job,
  )
  return [...groups.values()]
}

/** Restores points of one repository, and says so. */
async function restoreTogether(
  session: WorkingSession,
  jobs: readonly ChosenCopy[],
  place: Place,
  disks: readonly DiskId[] | undefined,
  { output, signal }: Invocation,
): Promise<readonly object[]> {
  const [first] = jobs
  if (first === undefined) return []
  const { repository } = first.copy
  const startedAt = performance.now()
  const handledBefore = repository.store.session.media?.handled?.()
  const mappings = jobs.map((): Mapping[] => [])
  using progress = progressView(output, 'written')
  const reports = await restorePoints(
    repository,
    jobs.map(({ copy }, i) => ({
      point: copy.entry.point,
      provision: place.provisioning(mappings[i] ?? []),
      ...(disks !== undefined && { disks }),
    })),
    session.pool,
    { signal, onEvent: progress.onEvent },
  )
  progress.close()
  const took = formatDuration(performance.now() - startedAt)
  jobs.forEach(({ copy }, i) => {
    const report = reports[i]
    if (report === undefined) return
    const writtenBytes = report.disks.reduce((sum, disk) => sum + disk.writtenBytes, 0)
    const amount = `${counted(report.disks.length, 'disk')}, ${formatBytes(writtenBytes)} written`
    output.line(
      printable(`${report.machine}: restored from ${report.point} on ${placeWords(copy)} in ${took}: ${amount}`),
    )
    output.line(printable(`  ${report.location}`))
    for (const { id, reason } of copy.entry.point.unavailable) output.warning(`${id} is not in this point: ${reason}`)
  })
  const handled = repository.store.session.media?.handled?.()
  const handling = handled &&
    handledBefore && { mounts: handled.mounts - handledBefore.mounts, seeks: handled.seeks - handledBefore.seeks }
  if (handling !== undefined)
    output.line(`media: ${counted(handling.mounts, 'mount')}, ${counted(handling.seeks, 'seek')}`)
  return jobs.map((job, i) => ({ ...reports[i], ...placeOf(job), mapping: mappings[i], ...handling }))
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
  /** Notes in `mapping` what became of what the machine was. */
  readonly provisioning: (mapping: Mapping[]) => Provision
}

function checkPlace({ to, on, as, variant, set }: RestoreOptions): void {
  if ((to === undefined) === (on === undefined))
    throw usageError('Where to restore is missing, or said twice.', 'Give --to <folder> or --on <pipeline>.')
  if (on !== undefined && (as !== undefined || variant !== undefined))
    throw usageError('The source knows its own format.', 'Leave --as and --variant out, or restore --to a folder.')
  if (to !== undefined && set !== undefined)
    throw usageError('A folder has no settings.', 'Leave --set out, or restore --on a pipeline.')
}

async function placeFor(options: RestoreOptions, session: WorkingSession, invocation: Invocation): Promise<Place> {
  const { to, on, name, set } = options
  if (to !== undefined)
    return {
      provisioning: folderPlace(resolve(invocation.cwd, to), options, invocation),
      [Symbol.asyncDispose]: async () => {},
    }
  const [pipeline] = pipelinesNamed(session.config, on === undefined ? [] : [on])
  if (pipeline === undefined) throw usageError('There is no pipeline.', 'Add one to the configuration.')
  const { restore, ...source } = await openRestoringSource(pipeline.source, session.host, invocation)
  return {
    provisioning: () => (machine, disks, call) => {
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
): Place['provisioning'] {
  const kind = { format: asFormat(as ?? 'raw', '--as'), ...(variant !== undefined && { variant }) }
  return (mapping) => async (machine, disks) => {
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
