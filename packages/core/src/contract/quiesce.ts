import type { Consistency } from '../model/consistency.js'
import type { MachineRef } from '../model/machine.js'
import type { CallOptions } from './context.js'
import type { OpenablePlugin } from './plugin.js'

/** How a hook reaches the machine: from Holdfast's host, a guest agent, or the hypervisor. */
export type QuiesceChannel = 'host' | 'guest-agent' | 'hypervisor'

/** What a hook needs and reaches; constant for the life of the plugin object. */
export interface QuiesceCapabilities {
  /** The source must offer this channel. @defaultValue `'host'` */
  readonly channel: QuiesceChannel
  /** Best consistency that the hook can reach. @defaultValue `'filesystem'` */
  readonly consistency: Consistency
  /** Longest freeze that the application bears, in ms; the engine thaws before. @defaultValue `60_000` */
  readonly maxFreezeMs: number
  /** Sessions can tell whether a machine is frozen, by a facet `inspect`. @defaultValue `false` */
  readonly inspect: boolean
}

/** Freezes an application or file system before the capture and thaws it after. Made by `<id>Quiesce`. */
export interface QuiescePlugin<C extends QuiesceCapabilities = QuiesceCapabilities>
  extends OpenablePlugin<'quiesce', QuiesceSession> {
  readonly capabilities: C
}

/** An open hook. */
export interface QuiesceSession extends AsyncDisposable {
  /**
   * Brings the machine to rest.
   *
   * Called: once a machine and run, in the config's order. Guarantee: on rejection the machine runs as before, or
   * `thaw` brings it there; the engine thaws after a failed freeze too. Checked by: `quiesce/freeze/failure-thaws`.
   * @throws BackupError `E_FREEZE`, `E_TIMEOUT`
   */
  readonly freeze: (machine: MachineRef, options: CallOptions) => Promise<FreezeResult>
  /**
   * Lets the machine go on.
   *
   * Called: exactly once after each `freeze`, in reverse order, on success, failure, abort and timeout alike, with a
   * deadline of its own that the run's abort does not shorten. Idempotency: harmless on a machine that is not frozen.
   * Checked by: `quiesce/thaw/after-freeze`, `quiesce/thaw/without-freeze`.
   * @throws BackupError `E_THAW`, `E_TIMEOUT`
   */
  readonly thaw: (machine: MachineRef, options: CallOptions) => Promise<void>
  /**
   * Tells whether the machine is frozen now, by whomever. Changes nothing.
   *
   * Called: by `holdfast doctor`, at any time, for several machines at once. Checked by: `quiesce/inspect/tells`.
   * @throws BackupError `E_FREEZE`, `E_TIMEOUT` where it cannot be told
   */
  readonly inspect?: (machine: MachineRef, options: CallOptions) => Promise<QuiesceState>
}

/** Whether a machine is frozen. */
export type QuiesceState = 'frozen' | 'thawed'

/** What a freeze really reached. */
export interface FreezeResult {
  readonly consistency: Consistency
  /** A line for the report: what was frozen. */
  readonly detail?: string
}
