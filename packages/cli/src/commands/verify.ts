import { type VerifyReport, verifyRepository } from '@holdfast/core/engine'
import type { Repository } from '@holdfast/core/repository'
import { type ExitCode, exitCodeOf, joinedExitCode } from '../exit-code.js'
import type { Invocation, Outcome } from '../invocation.js'
import { usageError } from '../output.js'
import { errorDocument } from '../render/errors.js'
import { progressView } from '../render/progress.js'
import { counted, formatBytes } from '../render/units.js'
import { openWorkingSession, type WorkingSession } from '../session.js'
import { chosenTargets, openToRead } from '../target-access.js'
import { type VerifyBootOptions, verifyBoot } from './verify-boot.js'

/** What to verify and how deep. */
export interface VerifyCommandOptions extends VerifyBootOptions {
  /** Boot points instead of checking what is stored. */
  readonly boot?: boolean
  readonly readData?: boolean
  /** Percent; reads data too. */
  readonly sample?: number
}

/** Checks the repositories of targets and lists all damage, or boots recovery points. */
export async function verify(
  invocation: Invocation,
  points: readonly string[],
  options: VerifyCommandOptions,
): Promise<Outcome> {
  const { boot, machine, probe, bootTimeout, on, restore, readData, sample } = options
  if (boot === true) {
    if (readData === undefined && sample === undefined) return verifyBoot(invocation, points, options)
    throw usageError('Data is read without --boot.', 'Run the two after one another.')
  }
  if (points.length > 0 || [machine, probe, bootTimeout, on, restore].some((given) => given !== undefined))
    throw usageError('Points are verified with --boot.', 'Add --boot, or name nothing but targets.')
  return verifyData(invocation, options)
}

async function verifyData(invocation: Invocation, options: VerifyCommandOptions): Promise<Outcome> {
  const { output, signal } = invocation
  await using session = await openWorkingSession(invocation)
  const targets = chosenTargets(session.config, options.target === undefined ? [] : [options.target])
  const reports: object[] = []
  const codes: ExitCode[] = []
  let damaged = false
  for (const target of targets) {
    try {
      await using opened = await openToRead(session, target, invocation)
      for (const { set, error } of opened.unreadable) {
        output.error(error)
        reports.push({ target, set: set.id, ok: false, error: errorDocument(error) })
        codes.push(exitCodeOf(error))
      }
      for (const { set, repository } of opened.repositories) {
        const place = set === undefined ? { target } : { target, set: set.id }
        const report = await verifyOne(session, repository, place, options, invocation)
        damaged ||= !report.ok
        reports.push({ ...place, ...report })
        codes.push(report.ok ? 0 : 1)
      }
    } catch (error) {
      signal.throwIfAborted()
      if (targets.length === 1) throw error
      output.error(error)
      reports.push({ target, ok: false, error: errorDocument(error) })
      codes.push(exitCodeOf(error))
    }
  }
  // Damage is what this command looks for: whole targets beside it do not make it better.
  return { exitCode: damaged ? 1 : joinedExitCode(codes), result: { targets: reports } }
}

async function verifyOne(
  session: WorkingSession,
  repository: Repository,
  place: { readonly target: string; readonly set?: string },
  { readData, sample }: VerifyCommandOptions,
  invocation: Invocation,
): Promise<VerifyReport> {
  const { output, signal } = invocation
  using progress = progressView(output, 'read')
  const depth = sample === undefined ? {} : { samplePercent: sample }
  const report = await verifyRepository(repository, session.pool, {
    signal,
    onEvent: progress.onEvent,
    readData: readData === true || sample !== undefined,
    ...depth,
  })
  progress.close()
  const { target, set } = place
  const where = set === undefined ? target : `${target}, set ${set}`
  const whole = report.points.filter((point) => point.ok).length
  const points = `${whole} of ${counted(report.points.length, 'point')} whole`
  const amount = `${counted(report.checkedPacks, 'pack')}, ${formatBytes(report.checkedBytes)} checked`
  output.line(
    `${where}: ${report.ok ? 'no damage' : counted(report.damage.length, 'damaged object')}, ${points}, ${amount}`,
  )
  for (const { object, message, machines, points } of report.damage) {
    output.failure({
      code: 'E_DAMAGED',
      message,
      context: { object, machines: machines.join(' ') || 'none', points: points.join(' '), ...place },
      hint:
        set === undefined
          ? `If another target has a copy: holdfast repair --target ${target} --from <other>.`
          : 'Media stay as they were written. If another target has a copy, copy it to a new set.',
    })
  }
  return report
}
