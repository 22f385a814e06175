import type { Declare } from './declare.js'

/** Declares what makes backups. */
export function declareBackups(declare: Declare): void {
  const [init, chooseInit] = declare('init', 'make the repositories of targets that lack one')
  init
    .option('--target <name...>', 'only these targets')
    .action(({ target = [] }: { readonly target?: readonly string[] }) =>
      chooseInit(true, async (invocation) => (await import('../commands/init.js')).init(invocation, target)),
    )

  const [plan, choosePlan] = declare('plan', 'show what a run would do, and why it could not')
  plan
    .argument('[pipeline...]', 'pipelines (default: all)')
    .action((pipelines: readonly string[]) =>
      choosePlan(false, async (invocation) => (await import('../commands/plan.js')).plan(invocation, pipelines)),
    )

  const [run, chooseRun] = declare('run', 'back up the machines of pipelines')
  run
    .argument('[pipeline...]', 'pipelines (default: all)')
    .action((pipelines: readonly string[]) =>
      chooseRun(true, async (invocation) => (await import('../commands/run.js')).run(invocation, pipelines)),
    )
}
