import type { InitiatorPdu } from '../wire/initiator-pdus.js'
import type { AnswerNumbers, TargetPdu } from '../wire/target-pdus.js'

/** What a script may do with a connection. */
export interface FakeTalk {
  /** Sends a PDU as it is. */
  readonly send: (pdu: TargetPdu, data?: Uint8Array) => void
  /** Sends any bytes. */
  readonly sendBytes: (bytes: Uint8Array) => void
  readonly hangUp: () => void
  /** Takes nothing more from the initiator, and keeps the connection. */
  readonly stopReading: () => void
  /** Numbers of a PDU that is no answer. */
  readonly numbers: () => AnswerNumbers
  /** Numbers of an answer; the next one gets the next. */
  readonly answerNumbers: () => AnswerNumbers
}

/** How a fake target misbehaves. */
export interface FakeMisbehaviour {
  /** Gets every PDU that comes; what returns true has dealt with it, and the target does nothing. */
  readonly onPdu?: (pdu: InitiatorPdu, data: Uint8Array, talk: FakeTalk) => boolean
  /** Changes the bytes of a PDU that is about to be sent, digests included; none sends nothing. */
  readonly onBytes?: (bytes: Uint8Array, pdu: TargetPdu) => Uint8Array
}
