import type { Command } from 'commander'
import type { Choose } from './command-line.js'
import type { ListOptions } from './commands/list.js'
import type { RestoreOptions } from './commands/restore.js'
import type { ShowOptions } from './commands/show.js'

const configTarget = '--target <name>'

/** Declares every command; the module of a command is loaded when it is chosen. */
export function declareCommands(program: Command, chooser: (command: Command) => Choose): void {
  const declare = (name: string, description: string): readonly [Command, Choose] => {
    const command = program.command(name).description(description)
    return [command, chooser(command)]
  }

  const [init, chooseInit] = declare('init', 'make the repositories of targets that lack one')
  init
    .option('--target <name...>', 'only these targets')
    .action(({ target = [] }: { readonly target?: readonly string[] }) =>
      chooseInit(true, async (invocation) => (await import('./commands/init.js')).init(invocation, target)),
    )

  const [plan, choosePlan] = declare('plan', 'show what a run would do, and why it could not')
  plan
    .argument('[pipeline...]', 'pipelines (default: all)')
    .action((pipelines: readonly string[]) =>
      choosePlan(false, async (invocation) => (await import('./commands/plan.js')).plan(invocation, pipelines)),
    )

  const [run, chooseRun] = declare('run', 'back up the machines of pipelines')
  run
    .argument('[pipeline...]', 'pipelines (default: all)')
    .action((pipelines: readonly string[]) =>
      chooseRun(true, async (invocation) => (await import('./commands/run.js')).run(invocation, pipelines)),
    )

  const [list, chooseList] = declare('list', 'list recovery points')
  list
    .option(configTarget, 'only this target')
    .option('--machine <name>', 'only machines of this name or id; * stands for anything')
    .action((options: ListOptions) =>
      chooseList(false, async (invocation) => (await import('./commands/list.js')).list(invocation, options)),
    )

  const [show, chooseShow] = declare('show', 'show everything about a recovery point')
  show
    .argument('<point>', 'id, start of an id, or machine@latest')
    .option(configTarget, 'look at this target only')
    .action((point: string, options: ShowOptions) =>
      chooseShow(false, async (invocation) => (await import('./commands/show.js')).show(invocation, point, options)),
    )

  const [restore, chooseRestore] = declare('restore', 'restore a machine into a folder of raw images')
  restore
    .argument('<point>', 'id, start of an id, or machine@latest')
    .requiredOption('--to <folder>', 'folder; the machine gets a folder of its own in it')
    .option(configTarget, 'read from this target (default: the first that has the point)')
    .option('--disk <id...>', 'only these disks')
    .option('--name <name>', 'name of the restored machine')
    .action((point: string, options: RestoreOptions) =>
      chooseRestore(true, async (invocation) =>
        (await import('./commands/restore.js')).restore(invocation, point, options),
      ),
    )
}
