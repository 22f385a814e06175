import {
  type Consistency,
  isBackupError,
  isSecretReference,
  parseDurationMs,
  type SecretReference,
} from '@holdfast/core'
import * as z from 'zod'

/**
 * A program to run, without a shell: its file alone, or its file and arguments.
 *
 * With a slash in it the file is a path, and a relative one starts at the config file; without, PATH is searched.
 */
export type Command = string | readonly [string, ...string[]]

/** Options of the script hook. */
export interface ScriptQuiesceOptions {
  /** Runs before the capture; exit code 0 says that the machine is frozen. */
  readonly freeze: Command
  /** Runs after the capture, and after a failed freeze too; must be harmless on a machine that is not frozen. */
  readonly thaw: Command
  /** Longest run of either command: `30s`, `2m`. @defaultValue `'30s'` */
  readonly timeout?: string | undefined
  /** Longest time that the application bears to be frozen. @defaultValue `'60s'` */
  readonly maxFreeze?: string | undefined
  /** Best consistency that the commands reach; the freeze may print a weaker one. @defaultValue `'application'` */
  readonly consistency?: Consistency | undefined
  /** Variables for both commands, as text or as a reference to a secret, beside PATH, HOME and LANG. */
  readonly environment?: Readonly<Record<string, string | SecretReference>> | undefined
  /** Folder to run in; a relative one starts at the config file. @defaultValue the folder of the config file */
  readonly cwd?: string | undefined
}

/** Longest duration that timers can measure with room to spare. */
const longestMs = 24 * 60 * 60 * 1000

const noNul = (text: string) => !text.includes('\0')
const text = z.string().refine(noNul, 'text for a program cannot hold a NUL character')
const program = z.string().min(1, 'expected the file of a program').refine(noNul, 'a path cannot hold a NUL character')
const command = z.union([program, z.tuple([program], text)], {
  error: 'expected a program, or a list of a program and its arguments',
})

const duration = z.string({ error: 'expected a duration such as 30s' }).superRefine((value, context) => {
  try {
    const ms = parseDurationMs(value)
    if (ms > 0 && ms <= longestMs) return
    context.addIssue({ code: 'custom', message: `'${value}' is not between 1ms and 24h` })
  } catch (error) {
    if (!isBackupError(error)) throw error
    context.addIssue({ code: 'custom', message: `${error.message} ${error.hint ?? ''}`.replace(/\.? *$/, '') })
  }
})

const textExpected = 'expected text (put numbers in quotes) or a reference to a secret'
const filled = { type: 'string', minLength: 1 }

/** Takes exactly what the contract calls a reference; `meta` says the same to editors, as JSON schema. */
const secretReference = z
  .looseObject({}, textExpected)
  .meta({
    properties: { env: filled, file: filled, command: { type: 'array', items: filled, minItems: 1 } },
    additionalProperties: false,
    minProperties: 1,
    maxProperties: 1,
  })
  .pipe(z.custom<SecretReference>(isSecretReference, textExpected))

const environment = z
  .record(z.string(), z.union([text, secretReference], textExpected))
  .superRefine((variables, context) => {
    for (const name of Object.keys(variables)) {
      const fault = nameFault(name)
      if (fault !== undefined) context.addIssue({ code: 'custom', path: [name], message: fault })
    }
  })

function nameFault(name: string): string | undefined {
  if (!/^[A-Za-z_][A-Za-z0-9_]*$/.test(name)) return 'a variable is named by letters, digits and underscores'
  return name.startsWith('HOLDFAST_') ? 'HOLDFAST_ variables are set by Holdfast itself' : undefined
}

/** Checks the options of the script hook; unknown ones are refused. */
export const scriptQuiesceOptions = z.strictObject({
  freeze: command.describe('Runs before the capture: a program, or a list of a program and its arguments. No shell.'),
  thaw: command.describe('Runs after the capture, and after a failed freeze too.'),
  timeout: duration.optional().describe("Longest run of either command. Default: '30s'."),
  maxFreeze: duration.optional().describe("Longest time that the application bears to be frozen. Default: '60s'."),
  consistency: z
    .enum(['application', 'filesystem', 'crash'])
    .optional()
    .describe("Best consistency that the commands reach. Default: 'application'."),
  environment: environment.optional().describe('Variables for both commands, as text or as a reference to a secret.'),
  cwd: program.optional().describe('Folder to run in. Default: the folder of the config file.'),
})
