import { fieldsOf } from '../../scsi/bytes.js'
import type { Condition } from './outcome.js'

/** Makes sense data. SPC-4, 4.5.2 and 4.5.3. */
export function senseBytes(condition: Condition, format: 'fixed' | 'descriptor'): Uint8Array {
  return format === 'fixed' ? fixedSense(condition) : descriptorSense(condition)
}

function flagsOf({ filemark, endOfMedium, incorrectLength }: Condition): number {
  return (filemark === true ? 0x80 : 0) | (endOfMedium === true ? 0x40 : 0) | (incorrectLength === true ? 0x20 : 0)
}

function fixedSense(condition: Condition): Uint8Array {
  return fieldsOf(18, (view) => {
    view.setUint8(0, condition.information === undefined ? 0x70 : 0xf0)
    view.setUint8(2, flagsOf(condition) | condition.key)
    view.setInt32(3, condition.information ?? 0)
    view.setUint8(7, 10)
    view.setUint16(12, condition.additional)
  })
}

function descriptorSense(condition: Condition): Uint8Array {
  return fieldsOf(24, (view) => {
    view.setUint8(0, 0x72)
    view.setUint8(1, condition.key)
    view.setUint16(2, condition.additional)
    view.setUint8(7, 16)
    view.setUint8(9, 0x0a)
    view.setUint8(10, condition.information === undefined ? 0 : 0x80)
    view.setBigInt64(12, BigInt(condition.information ?? 0))
    view.setUint8(20, 0x04)
    view.setUint8(21, 0x02)
    view.setUint8(23, flagsOf(condition))
  })
}
