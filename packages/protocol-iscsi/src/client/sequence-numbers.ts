import { broken } from '../iscsi-error.js'
import { noTag } from '../wire/constants.js'
import type { RequestNumbers } from '../wire/initiator-pdus.js'
import { isAfter, plus } from '../wire/serial-number.js'
import type { TargetPdu } from '../wire/target-pdus.js'

/** The numbers of commands and of answers, and the window that the target opens. RFC 7143, 4.2.2. */
export interface SequenceNumbers {
  /** What a request tells that is delivered at once. */
  readonly forRequest: () => RequestNumbers
  /** What a command tells; the next one gets the next number. */
  readonly forCommand: () => RequestNumbers
  readonly isWindowOpen: () => boolean
  /** Takes note of what a PDU tells. @throws IscsiError `protocol` when an answer is missing, or came twice */
  readonly note: (pdu: TargetPdu) => void
}

/** Makes the numbers of a session that begins. */
export function createSequenceNumbers(begin: {
  readonly cmdSn: number
  readonly expStatSn: number
  readonly maxCmdSn: number
}): SequenceNumbers {
  let { cmdSn, expStatSn, maxCmdSn } = begin
  return {
    forRequest: () => ({ cmdSn, expStatSn }),
    forCommand: () => {
      const numbers = { cmdSn, expStatSn }
      cmdSn = plus(cmdSn, 1)
      return numbers
    },
    isWindowOpen: () => !isAfter(cmdSn, maxCmdSn),
    note: (pdu) => {
      if (countsAsAnswer(pdu)) {
        if (pdu.statSn !== expStatSn) throw broken('An answer of the target is missing, or came twice.')
        expStatSn = plus(expStatSn, 1)
      }
      const isNonsense = isAfter(plus(pdu.expCmdSn, -1), pdu.maxCmdSn)
      if (!isNonsense && isAfter(pdu.maxCmdSn, maxCmdSn)) maxCmdSn = pdu.maxCmdSn
    },
  }
}

/** The other PDUs repeat the number of the next answer. */
function countsAsAnswer(pdu: TargetPdu): boolean {
  switch (pdu.kind) {
    case 'ready-to-transfer':
      return false
    case 'data-in':
      return pdu.hasStatus
    case 'nop-in':
      return pdu.tag !== noTag
    default:
      return true
  }
}
