import { BackupError, type ErrorCode, type MachineRef } from '@holdfast/core'
import type { OutputTail } from './output-tail.js'
import type { Outcome } from './run-program.js'

/** The two commands of a hook. */
export type Phase = 'freeze' | 'thaw'

const codes = { freeze: 'E_FREEZE', thaw: 'E_THAW' } as const satisfies Record<Phase, ErrorCode>

/** Which command failed, for whom, and what it had printed. */
export interface Failed {
  readonly phase: Phase
  readonly machine: MachineRef
  readonly file: string
  readonly output: OutputTail
  readonly timeoutMs: number
}

/** Makes the error of a command that ended badly; `undefined` when it ended well. */
export function failureOf(outcome: Outcome, failed: Failed): BackupError | undefined {
  const { phase, output, timeoutMs } = failed
  switch (outcome.kind) {
    case 'exit':
      if (outcome.code === 0) return undefined
      return failure(codes[phase], `failed with exit code ${outcome.code}${said(output)}`, failed, {
        hint: 'Its output is in the context of this error. Run it by hand as the user that runs Holdfast.',
        context: { exitCode: outcome.code },
      })
    case 'signal':
      return failure(codes[phase], `was killed by ${outcome.signal}${said(output)}`, failed, {
        hint: 'Something outside of Holdfast ended it: out of memory, or an operator.',
        context: { signal: outcome.signal },
      })
    case 'timeout':
      return failure(
        'E_TIMEOUT',
        `took longer than ${timeoutMs} ms and was ended${outcome.remains ? ', but a process of it still runs' : ''}${said(output)}`,
        failed,
        { hint: "See why it hangs, or raise the option 'timeout'.", context: { timeoutMs } },
      )
  }
}

/** Makes the error of a command that could not be started. */
export function startFailure(cause: unknown, failed: Failed): BackupError {
  const reason = cause instanceof Error ? cause.message : String(cause)
  return failure(codes[failed.phase], `could not be started (${reason})`, failed, {
    hint: 'The program, the interpreter on its first line (#!) and the folder to run in must exist.',
    cause,
  })
}

/** Makes an error of this hook. */
export function failure(
  code: ErrorCode,
  what: string,
  { phase, machine, file, output }: Failed,
  options: {
    readonly hint: string
    readonly context?: Readonly<Record<string, string | number>>
    readonly cause?: unknown
  },
): BackupError {
  const { context, ...rest } = options
  return new BackupError(code, `The ${phase} command of machine '${machine.name}' ${what}.`, {
    plugin: 'script',
    operation: `quiesce.${phase}`,
    context: { machine: machine.id, command: file, ...context, output: output.text() },
    ...rest,
  })
}

function said(output: OutputTail): string {
  const line = output.lastLine().replace(/\.$/, '')
  return line === '' ? '' : `: ${line}`
}
