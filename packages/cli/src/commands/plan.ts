import { type Plan, planPipeline } from '@holdfast/core/engine'
import { type ExitCode, exitCodeOfCode, joinedExitCode } from '../exit-code.js'
import type { Invocation, Outcome } from '../invocation.js'
import { printable } from '../render/printable.js'
import { counted, formatDuration } from '../render/units.js'
import { openSession, pipelinesNamed } from '../session.js'

/** Shows what a run would do, and why it could not. */
export async function plan(invocation: Invocation, names: readonly string[]): Promise<Outcome> {
  const { output, signal } = invocation
  await using session = await openSession(invocation)
  const plans: Plan[] = []
  const codes: ExitCode[] = []
  for (const pipeline of pipelinesNamed(session.config, names)) {
    const made = await planPipeline(pipeline, session.host, { signal })
    plans.push(made)
    // What the caller must correct comes first: until then the rest cannot be judged.
    const wrong = made.problems.some(({ code }) => exitCodeOfCode(code) === 2)
    codes.push(made.problems.length === 0 ? 0 : wrong ? 2 : 1)
    for (const line of describePlan(made)) output.line(line)
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
    ...targets.map(({ name, plugin, transforms, encrypted, repository }) => {
      const chain = transforms.length === 0 ? 'plain' : transforms.join(' → ')
      return `  target      ${name} (${plugin}): ${chain}, ${encrypted ? 'encrypted' : 'not encrypted'}, repository ${repository}`
    }),
  ]
}
