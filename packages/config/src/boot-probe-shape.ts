import { type BootProbe, checkBootProbe, isBackupError } from '@holdfast/core'
import { z } from 'zod'
import { duration } from './human-values.js'

/** How long a machine may take until its probe is answered, unless the configuration says. */
const usualBootTimeoutMs = 120_000

/** What shows that a machine is up: exactly one kind of probe, and how long it may take. */
export const bootProbe = z
  .strictObject({
    serial: z
      .string()
      .meta({ description: 'Text on the first serial port; * stands for anything in its line', examples: ['login:'] })
      .optional(),
    agent: z
      .literal(true)
      .meta({ description: 'The agent in the guest answers', examples: [true] })
      .optional(),
    command: z
      .string()
      .meta({
        description: "A command line for the guest's shell ends with 0",
        examples: ['systemctl is-system-running'],
      })
      .optional(),
    timeout: duration('Longest time until then; 2m without it', '2m').optional(),
  })
  .meta({
    description: "What shows that its machines are up, for 'holdfast verify --boot'",
    examples: [{ serial: 'login:', timeout: '2m' }],
  })
  .transform(({ serial, agent, command, timeout: timeoutMs = usualBootTimeoutMs }, context): BootProbe => {
    const probes: readonly BootProbe[] = [
      ...(serial === undefined ? [] : [{ kind: 'serial', pattern: serial, timeoutMs } as const]),
      ...(agent === undefined ? [] : [{ kind: 'agent', timeoutMs } as const]),
      ...(command === undefined ? [] : [{ kind: 'command', command, timeoutMs } as const]),
    ]
    const [probe] = probes
    const refused = (message: string, hint: string | undefined) => {
      context.addIssue({ code: 'custom', message, params: { hint } })
      return z.NEVER
    }
    if (probe === undefined || probes.length > 1)
      return refused('must have one of serial, agent and command.', "Write { serial: 'login:' }, for one.")
    try {
      return checkBootProbe(probe)
    } catch (error) {
      if (!isBackupError(error)) throw error
      return refused(error.message, error.hint)
    }
  })
