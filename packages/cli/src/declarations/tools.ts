import type { ConformanceCommandOptions } from '../commands/conformance.js'
import type { DoctorCommandOptions } from '../commands/doctor.js'
import type { Declare } from './declare.js'

/** Declares what helps to set things up. */
export function declareTools(declare: Declare): void {
  const [doctor, chooseDoctor] = declare('doctor', 'look at everything that a run needs')
  doctor
    .option('--thaw', 'thaw machines that an earlier run left frozen; never while a backup is at work')
    .action((options: DoctorCommandOptions) =>
      chooseDoctor(false, async (invocation) => (await import('../commands/doctor.js')).doctor(invocation, options)),
    )

  const [plugins, choosePlugins] = declare('plugins', 'list the plugins in use and their capabilities')
  plugins.action(() =>
    choosePlugins(false, async (invocation) => (await import('../commands/plugins.js')).plugins(invocation)),
  )

  const [conformance, chooseConformance] = declare('conformance', 'hold a plugin to the contract')
  conformance
    .argument('<kind>', 'source, quiesce, transform or target')
    .argument('<subject>', 'module#export, or a name of the configuration')
    .option('--only <check...>', 'only these checks, by id or its start: target/put')
    .option('--junit <file>', 'write a JUnit report too')
    .action((kind: string, subject: string, options: ConformanceCommandOptions) =>
      chooseConformance(true, async (invocation) =>
        (await import('../commands/conformance.js')).conformance(invocation, kind, subject, options),
      ),
    )
}
