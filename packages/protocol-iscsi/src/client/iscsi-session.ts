import type { IscsiError } from '../iscsi-error.js'
import type { ScsiAnswer, ScsiCommand } from '../scsi/scsi-device.js'
import type { IscsiParameters } from '../wire/parameters.js'
import type { Residual } from '../wire/target-pdus.js'
import type { IscsiAddress } from './portal-address.js'

/** Options of every call. */
export interface IscsiCallOptions {
  readonly signal?: AbortSignal
  /** @defaultValue `commandTimeoutMs` of the session */
  readonly timeoutMs?: number
}

/** How a unit answered, and how much of what was expected did not move. */
export interface IscsiAnswer extends ScsiAnswer {
  /** As the target tells it; some targets tell it wrong, so sense data and `dataInBytes` decide. */
  readonly residual: Residual
}

/** One logical unit of a target; a `ScsiDevice`. */
export interface IscsiDevice {
  /**
   * Sends a command, when the target's window has room for it, and resolves with the answer.
   *
   * Calls may overlap; they are sent in the order of calling.
   * Guarantee: a command is sent once at most. Once the call settles, `dataOut` and `dataIn` are not touched any more.
   * Data that comes goes into `dataIn` without a copy in between, and `dataOut` out of it.
   * Abort: a command that was not sent is forgotten; for another one the target is told to abort the task, and the call rejects
   * with the reason once the target has. A target that does not answer that either loses the connection.
   *
   * @throws IscsiError `closed`, `usage`, and `timeout` that says so: not sent. `lost`, `protocol`, `digest`, `timeout`, `aborted`:
   * nobody knows whether the command was carried out. `rejected`: the target could not take or finish it.
   */
  readonly execute: (command: ScsiCommand, options?: IscsiCallOptions) => Promise<IscsiAnswer>
}

/**
 * A session with one target, over one connection. Disposing it logs out, and does not wait for commands in flight.
 *
 * A lost connection ends it for good: no command is ever sent again. `reconnect` makes another session.
 */
export interface IscsiSession extends AsyncDisposable {
  readonly targetName: string
  /** Where it is connected, after redirections. */
  readonly address: IscsiAddress
  /** What both sides agreed on. */
  readonly parameters: IscsiParameters
  /** Makes the device of a logical unit, without asking whether there is one. @throws IscsiError `usage` */
  readonly device: (lun: number) => IscsiDevice
  /** Lists the logical units that the target tells of. SPC-4, 6.33. */
  readonly reportLuns: (options?: IscsiCallOptions) => Promise<readonly number[]>
  /** Resolves when the target answers. RFC 7143, 11.18. */
  readonly ping: (options?: IscsiCallOptions) => Promise<void>
  /** Resets a logical unit; what it has in flight rejects with `aborted`. RFC 7143, 11.5. */
  readonly resetUnit: (lun: number, options?: IscsiCallOptions) => Promise<void>
  /**
   * Hangs up, and makes a new session with the same options, under the same name: the target ends the old one and its tasks.
   *
   * Guarantee: no command of the old session is sent again. Units keep their state, such as a tape's position, and may have been
   * used by others; the first command to each is likely to be answered with a unit attention.
   */
  readonly reconnect: (options?: IscsiCallOptions) => Promise<IscsiSession>
  /** Settles when the session is over: with undefined when it was disposed, else with the reason. Never rejects. */
  readonly closed: Promise<IscsiError | undefined>
}
