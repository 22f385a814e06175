import type { QmpError } from '../qmp-error.js'
import type { CommandArguments } from '../wire/command.js'
import type { QmpEvent } from '../wire/qmp-message.js'
import type { QemuVersion } from '../wire/version.js'
import type { CallOptions } from './call-options.js'
import type { EventMatch, ExpectedEvent } from './event-hub.js'

/** A connection to QEMU's monitor, ready for commands. Disposing it ends the connection and all that waits. */
export interface QmpSession extends AsyncDisposable {
  readonly version: QemuVersion

  /**
   * Runs a command and resolves with what QEMU returns, of which nothing is checked.
   *
   * Guarantee: any number may run at once; each gets its own answer. Nothing is sent for a signal that has aborted.
   * Abort: stops waiting. QEMU may still do, or have done, what it was told; its late answer is dropped and the
   * session stays usable. The same goes for a timeout.
   *
   * @throws QmpError `command` with QEMU's class and words, `timeout`, `aborted`, `closed`; `protocol` or `limit` when QEMU's
   *   bytes cannot be read, which ends the session
   * @throws TypeError for arguments that JSON cannot say
   * @defaultValue `timeoutMs`: that of the session
   */
  readonly execute: (command: string, args?: CommandArguments, options?: CallOptions) => Promise<unknown>

  /**
   * Calls a listener with every event from now on, in QEMU's order, and returns what ends that.
   *
   * A listener must not throw: that ends the session, with what was thrown as the cause.
   */
  readonly on: (listener: (event: QmpEvent) => void) => () => void

  /**
   * Begins to wait for an event, before the command that will cause it is sent. Dispose it when it is not wanted any more.
   *
   * @throws (its `event`) QmpError `timeout`, `aborted`, `closed`; what the match throws
   * @defaultValue `timeoutMs`: that of the session
   */
  readonly expectEvent: (match: EventMatch, options?: CallOptions) => ExpectedEvent

  /**
   * Waits for an event that comes after this call.
   *
   * @throws QmpError `timeout`, `aborted`, `closed`; what the match throws
   * @defaultValue `timeoutMs`: that of the session
   */
  readonly waitForEvent: (match: EventMatch, options?: CallOptions) => Promise<QmpEvent>

  /** Resolves when the session ends: with the reason, or with undefined when it was disposed. Never rejects. */
  readonly closed: Promise<QmpError | undefined>
}
