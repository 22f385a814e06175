import { hostname, userInfo } from 'node:os'
import { type BootProbe, checkBootProbe, describeBootProbe, machineMatches, type Pipeline } from '@holdfast/core'
import { openBootingSource, type VerifyBootReport, verifyBoot as verifyBootOf } from '@holdfast/core/engine'
import type { Witness } from '@holdfast/core/repository'
import { type ExitCode, exitCodeOf, joinedExitCode } from '../exit-code.js'
import type { Invocation, Outcome } from '../invocation.js'
import { usageError } from '../output.js'
import { ownVersion } from '../own-version.js'
import { errorDocument } from '../render/errors.js'
import { printable } from '../render/printable.js'
import { progressView } from '../render/progress.js'
import { formatDuration } from '../render/units.js'
import { disksWord } from '../render/verifications.js'
import { shownPoint } from '../serving/shown-point.js'
import { openWorkingSession, pipelinesNamed, type WorkingSession } from '../session.js'
import {
  findPoint,
  latestPoints,
  reportUnread,
  type StoredPoint,
  type StoredPoints,
  storedPoints,
} from '../stored-points.js'
import { chosenTargets } from '../target-access.js'

/** Which points to boot, on what, and what shows that they are up. */
export interface VerifyBootOptions {
  readonly target?: string
  /** Name or id, with `*`. */
  readonly machine?: string
  readonly probe?: BootProbe
  readonly bootTimeout?: number
  /** Pipeline whose source boots them. */
  readonly on?: string
  /** Restore the disks first, also where the source could read them from the repository. */
  readonly restore?: boolean
}

const everyLatest = '@latest'

/** Boots recovery points in isolation, and keeps the evidence with them. */
export async function verifyBoot(
  invocation: Invocation,
  wanted: readonly string[],
  options: VerifyBootOptions,
): Promise<Outcome> {
  const { output, signal } = invocation
  await using session = await openWorkingSession(invocation)
  const targets = chosenTargets(session.config, options.target === undefined ? [] : [options.target])
  await using stored = await storedPoints(session, targets, invocation)
  const jobs = chosenPoints(stored, wanted, options, session).map((found) => ({
    found,
    ...wayToBoot(found, options, session),
  }))
  const points: object[] = []
  const codes: ExitCode[] = []
  let failed = false
  for (const { found, pipeline, probe } of jobs) {
    const { target, entry } = found
    const about = { target, point: entry.point.id, machine: entry.point.machine.name, pipeline: pipeline.name }
    try {
      const { evidence, note } = await bootOne(session, found, { ...options, pipeline, probe }, invocation)
      failed ||= !evidence.passed
      points.push({ ...about, passed: evidence.passed, evidence, ...(note !== undefined && { note }) })
      codes.push(evidence.passed ? 0 : 1)
    } catch (error) {
      signal.throwIfAborted()
      if (jobs.length === 1) throw error
      output.error(error)
      points.push({ ...about, passed: false, error: errorDocument(error) })
      codes.push(exitCodeOf(error))
    }
  }
  if (reportUnread(stored, invocation)) codes.push(3)
  // A point that does not boot is what this command looks for: others beside it do not make it better.
  return { exitCode: failed ? 1 : joinedExitCode(codes), result: { points } }
}

function chosenPoints(
  stored: StoredPoints,
  wanted: readonly string[],
  { machine }: VerifyBootOptions,
  session: WorkingSession,
): readonly StoredPoint[] {
  const named = wanted.filter((name) => name !== everyLatest)
  if (named.length > 0 && machine !== undefined)
    throw usageError('A point names its machine already.', `Leave --machine out, or write ${everyLatest}.`)
  const chosen = named.map((name) => findPoint(stored, name, session))
  if (named.length < wanted.length || wanted.length === 0) {
    const selector = machine === undefined ? {} : { include: [machine] }
    chosen.push(...latestPoints(stored, session).filter(({ entry }) => machineMatches(entry.point.machine, selector)))
  }
  if (chosen.length > 0) return [...new Map(chosen.map((found) => [found.entry.point.id, found])).values()]
  throw usageError('There is no recovery point to boot.', "See 'holdfast list' for machines and points.")
}

interface WayToBoot {
  readonly pipeline: Pipeline
  readonly probe: BootProbe
}

/** Whose source boots a point, and what shows that it is up: what is asked for, else what its own pipeline says. */
function wayToBoot(
  { entry }: StoredPoint,
  { on, probe: asked, bootTimeout }: VerifyBootOptions,
  { config }: WorkingSession,
): WayToBoot {
  const { machine, pipeline: name } = entry.point
  const own = config.pipelines.find((pipeline) => pipeline.name === name)
  const pipeline = on === undefined ? own : pipelinesNamed(config, [on])[0]
  if (pipeline === undefined) {
    const known = config.pipelines.map((one) => one.name).join(', ') || 'none'
    throw usageError(
      `${machine.name} was backed up by pipeline '${name}', which the configuration does not have.`,
      `Say on whose source to boot it with --on; pipelines: ${known}.`,
    )
  }
  const probe = asked ?? own?.bootProbe ?? pipeline.bootProbe
  if (probe === undefined) {
    throw usageError(
      `Nothing says what shows that ${machine.name} is up.`,
      "Give --probe serial:<text>, agent or command:<command line>, or a bootProbe to its pipeline: { serial: 'login:' }.",
    )
  }
  return { pipeline, probe: checkBootProbe({ ...probe, ...(bootTimeout !== undefined && { timeoutMs: bootTimeout }) }) }
}

async function bootOne(
  session: WorkingSession,
  { target, repository, entry }: StoredPoint,
  { pipeline, probe, restore }: Pick<VerifyBootOptions, 'restore'> & WayToBoot,
  invocation: Invocation,
): Promise<VerifyBootReport> {
  const { output, signal } = invocation
  const { source } = pipeline
  const { pool, host } = session
  await using booting = await openBootingSource(source, host, { signal })
  using progress = progressView(output, 'written')
  const canShow = source.capabilities.overlays && repository.store.capabilities.rangeRead
  const report = await verifyBootOf(repository, entry, booting, pool, {
    signal,
    probe,
    by: witness(),
    onEvent: progress.onEvent,
    ...(canShow &&
      restore !== true && { contents: shownPoint({ repository, point: entry.point, pool }, host.tempDir, output) }),
  })
  progress.close()
  const { evidence, note } = report
  const { machine, id } = entry.point
  const where = `${machine.name}: ${id} on ${target}`
  if (evidence.passed) {
    const { bootMs, totalMs } = evidence
    const times = `${disksWord(evidence)}, boot ${formatDuration(bootMs)}`
    output.line(printable(`${where} boots on ${source.id}: up after ${formatDuration(totalMs)} (${times})`))
    output.line(printable(`  ${describeBootProbe(probe)} saw: ${evidence.output.split('\n').at(-1) ?? ''}`))
  } else {
    const { code, message } = evidence.error
    output.failure({
      code,
      message: `${where} does not boot on ${source.id}: ${message}`,
      context: { target, point: id, machine: machine.name, probe: describeBootProbe(probe) },
      hint: hintFor(code, id),
    })
  }
  if (note === undefined) output.warning('the target takes no writes: the evidence is only in this report')
  else output.line(`  evidence: ${note}`)
  return report
}

function hintFor(code: string, point: string): string {
  if (code === 'E_DAMAGED' || code === 'E_OBJECT_NOT_FOUND')
    return "Boot the copy on another target with --target; 'holdfast repair --from' mends this one from it."
  return `See 'holdfast show ${point}'; restore it and look at its console, or give it more time with --boot-timeout.`
}

function witness(): Witness {
  return { user: userName(), host: hostname(), version: ownVersion() }
}

function userName(): string {
  try {
    return userInfo().username
  } catch {
    // A container may run as a number that no user has.
    return String(process.getuid?.() ?? 'unknown')
  }
}
