import { type DueCopies, dueCopies, type Plan, planPipeline } from '@holdfast/core/engine'
import { type ExitCode, exitCodeOfCode, joinedExitCode } from '../exit-code.js'
import type { Invocation, Outcome } from '../invocation.js'
import { printable } from '../render/printable.js'
import { counted, formatDuration } from '../render/units.js'
import { openSession, pipelinesNamed } from '../session.js'

/** Shows what a run would do, and why it could not. */
export async function plan(invocation: Invocation, names: readonly string[]): Promise<Outcome> {
  const { output, signal } = invocation
  await using session = await openSession(invocation)
  const plans: (Plan & { readonly copies?: readonly DueCopies[] })[] = []
  const codes: ExitCode[] = []
  for (const pipeline of pipelinesNamed(session.config, names)) {
    const made = await planPipeline(pipeline, session.host, { signal })
    // What cannot be run cannot be copied either, and says why already.
    const offered = session.config.transforms
    const copies = made.problems.length > 0 ? [] : await dueCopies(pipeline, session.host, { signal, offered })
    plans.push({ ...made, ...(copies.length > 0 && { copies }) })
    // What the caller must correct comes first: until then the rest cannot be judged.
    const wrong = made.problems.some(({ code }) => exitCodeOfCode(code) === 2)
    codes.push(made.problems.length === 0 ? 0 : wrong ? 2 : 1)
    for (const line of [...describePlan(made), ...copies.map(describeCopies)]) output.line(line)
    for (const { error } of copies) if (error !== undefined) output.failure(error)
    for (const { message, hint } of made.problems) {
      output.line(`  ${output.colors.red('problem')}     ${printable(message)}`)
      output.line(`              try: ${printable(hint)}`)
    }
  }
  output.document(plans)
  return { exitCode: joinedExitCode(codes) }
}

function describePlan({ pipeline, source, machines, quiesce, targets }: Plan): readonly string[] {
  const names = machines.map(({ name }) => name).join(', ')
  return [
    `${pipeline}:`,
    `  source      ${source}: ${counted(machines.length, 'machine')}${names === '' ? '' : ` (${printable(names)})`}`,
    ...quiesce.map(
      ({ hook, channel, maxFreezeMs }) =>
        `  quiesce     ${hook} by ${channel}, at most ${formatDuration(maxFreezeMs)} frozen`,
    ),
    ...targets.map(({ name, plugin, every, transforms, encrypted, repository }) => {
      const chain = transforms.length === 0 ? 'plain' : transforms.join(' → ')
      return `  target      ${name} (${plugin}): ${chain}, ${encrypted ? 'encrypted' : 'not encrypted'}, repository ${repository}${every === undefined ? '' : `, copies every ${every}`}`
    }),
  ]
}

function describeCopies({ target, every, due, error }: DueCopies): string {
  const machines = due.map(({ machine }) => machine).join(', ')
  const what = due.length === 0 ? `none due now, one every ${every}` : `due now: ${machines}`
  return `  copies      ${target}: ${printable(error === undefined ? what : 'cannot be told')}`
}
