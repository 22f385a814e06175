import { tapeError } from '../drive/drive-errors.js'
import type { HeldObject } from './held-object.js'

/** An object is larger than a cartridge. */
export function tooLarge({ facts: { key, sizeBytes } }: HeldObject): Error {
  return tapeError('E_TARGET_FULL', `${key} has ${sizeBytes} bytes: it does not fit on an empty cartridge.`, {
    operation: 'target.put',
    context: { object: key },
    hint: 'Use cartridges that hold more.',
  })
}
