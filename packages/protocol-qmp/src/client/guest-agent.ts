import type { QmpError } from '../qmp-error.js'
import type { CommandArguments } from '../wire/command.js'
import type { FreezeState, GuestExecResult, GuestFileSystem, GuestInfo } from '../wire/guest-answers.js'
import type { CallOptions } from './call-options.js'

/**
 * A connection to a guest agent. Disposing it ends the connection; it thaws nothing.
 *
 * The agent takes one command at a time: calls wait for their turn, in order, and a call's time begins with its turn.
 * After a timeout or an abort the agent may still do what it was told; its late answer is dropped, and the channel is
 * synchronised anew before the next command. All methods throw QmpError: `command` with the agent's class and words,
 * `timeout`, `aborted`, `closed`, `protocol`, `limit`. The guest is not trusted: what it says is checked and bounded, and
 * may still be a lie.
 */
export interface GuestAgent extends AsyncDisposable {
  /** Runs a command and resolves with what the agent returns, of which nothing is checked. */
  readonly execute: (command: string, args?: CommandArguments, options?: CallOptions) => Promise<unknown>
  /** Asks whether the agent answers. */
  readonly ping: (options?: CallOptions) => Promise<void>
  /** Asks for the version of the agent and its commands. */
  readonly info: (options?: CallOptions) => Promise<GuestInfo>
  /** Asks for the mounted file systems and the disks below them. Refused while frozen. */
  readonly fsInfo: (options?: CallOptions) => Promise<readonly GuestFileSystem[]>
  /** Asks whether the file systems are frozen. */
  readonly fsfreezeStatus: (options?: CallOptions) => Promise<FreezeState>

  /**
   * Runs the guest's freeze hooks, freezes its file systems and resolves with how many were frozen.
   *
   * Guarantee: on `command` the agent has thawed what it froze. After any other failure the guest may be frozen, or become so
   * later: call `fsfreezeThaw` whenever this was called.
   *
   * @defaultValue `mountpoints`: all that can be frozen
   * @defaultValue `timeoutMs`: 60000
   */
  readonly fsfreezeFreeze: (options?: CallOptions & { readonly mountpoints?: readonly string[] }) => Promise<number>

  /**
   * Thaws all file systems, runs the thaw hooks and resolves with how many were thawed: 0 where none was frozen.
   *
   * Guarantee: goes before all calls that wait for their turn. May be called at any time, and again.
   *
   * @defaultValue `timeoutMs`: 60000
   */
  readonly fsfreezeThaw: (options?: CallOptions) => Promise<number>

  /**
   * Runs a program in the guest and resolves when it has ended, whatever its exit code.
   *
   * Abort: stops waiting; the program runs on, for the agent cannot end one. The same goes for a timeout.
   *
   * @defaultValue `timeoutMs`: 60000, for the program as a whole
   */
  readonly exec: (program: GuestProgram, options?: CallOptions) => Promise<GuestExecResult>

  /** Resolves when the connection ends: with the reason, or with undefined when it was disposed. Never rejects. */
  readonly closed: Promise<QmpError | undefined>
}

/** A program to run in the guest. */
export interface GuestProgram {
  /** Path, or a name that the agent's `PATH` has. No shell reads it. */
  readonly path: string
  readonly args?: readonly string[]
  /** `NAME=value`; instead of the agent's own environment. */
  readonly env?: readonly string[]
  /** Whether to return what the program prints. @defaultValue true */
  readonly captureOutput?: boolean
  /** What the program reads on its standard input. @defaultValue nothing */
  readonly input?: Uint8Array | string
}
