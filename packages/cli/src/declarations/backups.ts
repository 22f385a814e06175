import type { ChunkHash } from '@holdfast/core/repository'
import { Option } from 'commander'
import type { InitCommandOptions } from '../commands/init.js'
import type { Declare } from './declare.js'

// Written out: the engine is not loaded to understand a command line.
const chunkHashes = ['blake3', 'sha-256'] satisfies readonly ChunkHash[]

/** Declares what makes backups. */
export function declareBackups(declare: Declare): void {
  const [init, chooseInit] = declare('init', 'make the repositories of targets that lack one')
  init
    .option('--target <name...>', 'only these targets')
    .addOption(
      new Option('--hash <name>', 'hash of all chunk ids, for good (default: blake3 where it can be had)').choices(
        chunkHashes,
      ),
    )
    .action((options: InitCommandOptions) =>
      chooseInit(true, async (invocation) => (await import('../commands/init.js')).init(invocation, options)),
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
