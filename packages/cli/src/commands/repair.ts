import { type RepairReport, repairRepository } from '@holdfast/core/engine'
import type { Repository } from '@holdfast/core/repository'
import type { ExitCode } from '../exit-code.js'
import type { Invocation, Outcome } from '../invocation.js'
import { usageError } from '../output.js'
import { progressView } from '../render/progress.js'
import { counted } from '../render/units.js'
import { openSession, type Session } from '../session.js'
import { chosenTargets, oneTarget, openChosen, writingChain } from '../target-access.js'

/** What to mend, and from where. */
export interface RepairCommandOptions {
  readonly target?: string
  readonly from?: string
}

/** Mends the repository of a target: from what it holds itself, and from the copies of another. */
export async function repair(invocation: Invocation, { target: given, from }: RepairCommandOptions): Promise<Outcome> {
  await using session = await openSession(invocation)
  const target = oneTarget(session.config, given)
  if (from === target) throw usageError(`Target '${target}' cannot mend itself.`, 'Give --from another target.')
  if (from === undefined) return await mend(session, target, undefined, invocation)
  chosenTargets(session.config, [from])
  await using source = await openChosen(session, from, invocation)
  return await mend(session, target, source.repository, invocation)
}

async function mend(
  session: Session,
  target: string,
  from: Repository | undefined,
  invocation: Invocation,
): Promise<Outcome> {
  const { output, signal } = invocation
  await using opened = await openChosen(session, target, invocation)
  using progress = progressView(output, 'read')
  const report = await repairRepository(opened.repository, from, {
    signal,
    onEvent: progress.onEvent,
    transforms: writingChain(session.config, target, opened.repository.description.encrypted),
  })
  progress.close()
  const { mended, stillBroken } = report
  output.line(
    `${target}: ${counted(mended.length, 'thing')} mended, ${counted(stillBroken.length, 'point')} still damaged`,
  )
  for (const point of stillBroken) {
    output.failure({
      code: 'E_DAMAGED',
      message: `${point} still cannot be restored whole.`,
      context: { target },
      hint: 'Repair from a target that has a copy of it, or restore the disks that are whole with --disk.',
    })
  }
  return { exitCode: exitCodeFor(report), result: { target, ...report } }
}

function exitCodeFor({ mended, stillBroken }: RepairReport): ExitCode {
  if (stillBroken.length === 0) return 0
  return mended.length === 0 ? 1 : 3
}
