import type { ScsiAnswer, ScsiDevice } from './scsi-device.js'
import { ScsiError } from './scsi-error.js'
import { hex } from './sense/additional-sense.js'
import { decodeSense, type Sense } from './sense/sense.js'
import { codeOfSense } from './sense/sense-code.js'
import { senseKey } from './sense/sense-key.js'
import { scsiStatus } from './status.js'

/** What every command function takes. */
export interface CommandOptions {
  readonly signal: AbortSignal
  /** @defaultValue what the command may take on a slow library: see `commandTimeoutsMs` */
  readonly timeoutMs?: number
}

/** A command as the functions of this folder make it. */
export interface Request {
  /** Its name in the standards, for errors. */
  readonly what: string
  readonly cdb: Uint8Array
  readonly dataOut?: Uint8Array
  readonly dataIn?: Uint8Array
  readonly timeoutMs: number
}

/** What came back. */
export interface Reply {
  /** What was filled of `dataIn`; under a CHECK CONDITION the sense data decides how much of it has a meaning. */
  readonly data: Uint8Array
  /** There is one when the unit said more than GOOD, and it is no error. */
  readonly sense: Sense | undefined
}

/**
 * Sends a command and returns what it gave.
 *
 * `isMeant` tells which sense data is a meaningful result; GOOD, and a recovered error, always are.
 *
 * @throws ScsiError when the unit answered with anything else; the transport's error when it did not answer
 */
export async function issue(
  device: ScsiDevice,
  request: Request,
  options: CommandOptions,
  isMeant: (sense: Sense) => boolean = () => false,
): Promise<Reply> {
  const { what, timeoutMs, ...command } = request
  const answer = await device.execute(command, { timeoutMs, ...options })
  const sense = senseOf(answer)
  const data = (command.dataIn ?? none).subarray(0, answer.dataInBytes)
  if (answer.status === scsiStatus.good || answer.status === scsiStatus.conditionMet) return { data, sense: undefined }
  if (sense !== undefined && !sense.isDeferred && (isMeant(sense) || isRecovered(sense))) return { data, sense }
  throw errorOfAnswer(answer, what)
}

const none = new Uint8Array()

/** Makes the error of an answer that is no success, and no meant one. */
export function errorOfAnswer(answer: ScsiAnswer, what: string): ScsiError {
  switch (answer.status) {
    case scsiStatus.checkCondition: {
      const sense = decodeSense(answer.sense)
      if (sense === undefined)
        return new ScsiError('unexpected', what, { detail: 'CHECK CONDITION without sense data' })
      return new ScsiError(sense.isDeferred ? 'deferred-error' : codeOfSense(sense), what, { sense })
    }
    case scsiStatus.busy:
    case scsiStatus.taskSetFull:
      return new ScsiError('busy', what, { detail: 'the unit is busy' })
    case scsiStatus.reservationConflict:
      return new ScsiError('reservation-conflict', what, { detail: 'reserved by another initiator' })
    case scsiStatus.taskAborted:
      return new ScsiError('aborted', what, { detail: 'aborted by another initiator' })
    default:
      return new ScsiError('unexpected', what, { detail: `status ${hex(answer.status)}h` })
  }
}

function senseOf(answer: ScsiAnswer): Sense | undefined {
  return answer.status === scsiStatus.checkCondition ? decodeSense(answer.sense) : undefined
}

function isRecovered(sense: Sense): boolean {
  return sense.key === senseKey.recoveredError && !sense.filemark && !sense.incorrectLength && !sense.endOfMedium
}
