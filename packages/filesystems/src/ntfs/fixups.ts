import { fields } from '../bytes/fields.js'
import { damaged, type Place } from '../filesystem-error.js'

/** What one number of the update sequence guards, whatever the disk's sectors are. */
const strideBytes = 512

/**
 * Puts the last two bytes of each sector of a record back, in place.
 *
 * Writing the record put a number there that must be the same in all: a record that was half written is found so.
 *
 * @throws FilesystemError `damaged`
 */
export function applyFixups(record: Uint8Array, what: string, place: Place): void {
  const at = fields(record, 'little', what, place)
  const start = at.u16(4)
  const count = at.u16(6)
  if (count !== record.byteLength / strideBytes + 1 || start + count * 2 > strideBytes - 2)
    throw damaged(`${what} has no proper update sequence`, place)
  const number = at.u16(start)
  for (let index = 1; index < count; index++) {
    const end = index * strideBytes - 2
    if (at.u16(end) !== number) throw damaged(`${what} was written by half`, place)
    record.set(at.slice(start + index * 2, 2), end)
  }
}
