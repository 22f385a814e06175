import type { ExitCode } from './exit-code.js'
import type { HeadStart } from './head-start.js'
import type { CommonOptions, Output } from './output.js'

/** What every command gets. */
export interface Invocation {
  readonly common: CommonOptions
  readonly output: Output
  /** Aborted by the first SIGINT or SIGTERM. */
  readonly signal: AbortSignal
  readonly cwd: string
  readonly environment: Readonly<Record<string, string | undefined>>
  readonly headStart: HeadStart
}

/** How a command ended. */
export interface Outcome {
  readonly exitCode: ExitCode
  /** What the last line of `--json` says, for commands that print events. */
  readonly result?: object
}
