import type { ScsiErrorCode } from '../scsi-error.js'
import { numbersOf } from './additional-sense.js'
import type { Sense } from './sense.js'
import { senseKey } from './sense-key.js'

type Additional = Readonly<Record<string, ScsiErrorCode>>

const notReady: Additional = {
  '04/01': 'becoming-ready',
  '04/04': 'becoming-ready',
  '04/07': 'becoming-ready',
  '04/09': 'becoming-ready',
  '30/03': 'cleaning',
}

const illegalRequest: Additional = {
  '20/00': 'unsupported',
  '21/01': 'unknown-element',
  '24/00': 'unsupported',
  '25/00': 'no-unit',
  '3B/0D': 'destination-full',
  '3B/0E': 'source-empty',
  '3B/11': 'magazine',
  '3B/12': 'magazine',
  '53/02': 'removal-prevented',
  '53/03': 'removal-prevented',
}

const dataProtect: Additional = {
  '30/0C': 'worm',
  '74/00': 'encrypted',
  '74/01': 'encrypted',
  '74/02': 'encrypted',
  '74/03': 'encrypted',
}

/** Names the kind of trouble that sense data speaks of. */
export function codeOfSense({ key, asc, ascq, endOfMedium }: Sense): ScsiErrorCode {
  const additional = numbersOf(asc, ascq)
  switch (key) {
    case senseKey.notReady:
      return asc === 0x3a ? 'no-medium' : (notReady[additional] ?? 'not-ready')
    case senseKey.mediumError:
      if (asc === 0x30) return 'incompatible-medium'
      return endOfMedium && additional === '00/02' ? 'end-of-medium' : 'medium-error'
    case senseKey.hardwareError:
      return 'hardware-error'
    case senseKey.illegalRequest:
      if (asc === 0x30) return 'incompatible-medium'
      return illegalRequest[additional] ?? 'illegal-request'
    case senseKey.unitAttention:
      return 'unit-attention'
    case senseKey.dataProtect:
      return dataProtect[additional] ?? 'write-protected'
    case senseKey.blankCheck:
      return 'blank'
    case senseKey.abortedCommand:
      return 'aborted'
    case senseKey.volumeOverflow:
      return 'volume-overflow'
    case senseKey.noSense:
    case senseKey.recoveredError:
    case senseKey.completed:
      if (endOfMedium) return 'end-of-medium'
      return 'unexpected'
    default:
      return 'unexpected'
  }
}
