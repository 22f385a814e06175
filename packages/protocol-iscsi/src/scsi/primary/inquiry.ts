import { byteAt, fieldsOf, hasBits, hexOf, numberAt, textAt } from '../bytes.js'
import { type CommandOptions, issue } from '../issue.js'
import type { ScsiDevice } from '../scsi-device.js'
import { malformed } from '../scsi-error.js'
import { commandTimeoutsMs } from '../timeouts.js'

/** Kinds of units that matter here. SPC-4, table 144. */
export const peripheralType = { disk: 0x00, tape: 0x01, changer: 0x08, controller: 0x0c } as const

/** What a unit says of itself. SPC-4, 6.6.2. */
export interface Inquiry {
  /** One of `peripheralType`, or another number. */
  readonly peripheralType: number
  /** 0 when a device is there; 3 when there is none at this number. */
  readonly qualifier: number
  readonly isRemovable: boolean
  readonly version: number
  readonly vendor: string
  readonly product: string
  readonly revision: string
  /** A drive that has a changer of its own behind the same unit number. */
  readonly hasAttachedChanger: boolean
}

/** Asks what a unit is. Never met by a unit attention. */
export async function inquiry(device: ScsiDevice, options: CommandOptions): Promise<Inquiry> {
  return decodeInquiry(await ask(device, undefined, options))
}

/** Reads standard INQUIRY data. @throws ScsiError `malformed` when it is shorter than 36 bytes */
export function decodeInquiry(bytes: Uint8Array): Inquiry {
  if (bytes.length < 36) throw malformed('INQUIRY', 'the answer is shorter than 36 bytes')
  return {
    peripheralType: byteAt(bytes, 0) & 0x1f,
    qualifier: byteAt(bytes, 0) >> 5,
    isRemovable: hasBits(bytes, 1, 0x80),
    version: byteAt(bytes, 2),
    vendor: textAt(bytes, 8, 8),
    product: textAt(bytes, 16, 16),
    revision: textAt(bytes, 32, 4),
    hasAttachedChanger: hasBits(bytes, 6, 0x08),
  }
}

/** Asks which vital product data pages there are. SPC-4, 7.8.14. */
export async function supportedVitalPages(device: ScsiDevice, options: CommandOptions): Promise<readonly number[]> {
  return [...decodeVitalPage(await ask(device, 0x00, options), 0x00)]
}

/** Asks for the serial number of a unit. SPC-4, 7.8.15. @throws ScsiError `unsupported` when it has none */
export async function unitSerialNumber(device: ScsiDevice, options: CommandOptions): Promise<string> {
  const content = decodeVitalPage(await ask(device, 0x80, options), 0x80)
  return textAt(content, 0, content.length)
}

/** A name of a unit, of its port or of its target. SPC-4, 7.8.5. */
export interface Designator {
  /** What is named. */
  readonly association: 'unit' | 'port' | 'target' | 'other'
  /** 0 vendor's own, 1 T10 vendor id, 2 EUI-64, 3 NAA, 4 relative port, 8 SCSI name string. */
  readonly type: number
  /** The text of an ASCII or UTF-8 designator, hexadecimal digits of a binary one. */
  readonly value: string
}

/** Asks for the names of a unit. */
export async function designators(device: ScsiDevice, options: CommandOptions): Promise<readonly Designator[]> {
  return decodeDesignators(await ask(device, 0x83, options))
}

const associations = ['unit', 'port', 'target', 'other'] as const

/** Reads page 83h; a designator that is cut off is left out. @throws ScsiError `malformed` when it is another page */
export function decodeDesignators(bytes: Uint8Array): readonly Designator[] {
  const content = decodeVitalPage(bytes, 0x83)
  const found: Designator[] = []
  for (let at = 0; at + 4 <= content.length; at += 4 + byteAt(content, at + 3)) {
    const end = at + 4 + byteAt(content, at + 3)
    if (end > content.length) break
    const isText = (byteAt(content, at) & 0xf) >= 2
    found.push({
      association: associations[(byteAt(content, at + 1) >> 4) & 3] ?? 'other',
      type: byteAt(content, at + 1) & 0xf,
      value: isText ? textAt(content, at + 4, end - at - 4) : hexOf(content.subarray(at + 4, end)),
    })
  }
  return found
}

/** What a tape drive can do beyond the common. SSC-4, 8.5.2. */
export interface StreamCapabilities {
  /** Write once cartridges are treated as such. */
  readonly handlesWorm: boolean
  /** The drive tells of a tampered WORM cartridge. */
  readonly reportsTamper: boolean
}

/** Asks a tape drive for its page B0h. @throws ScsiError `unsupported` when it has none */
export async function streamCapabilities(device: ScsiDevice, options: CommandOptions): Promise<StreamCapabilities> {
  const content = decodeVitalPage(await ask(device, 0xb0, options), 0xb0)
  return { handlesWorm: hasBits(content, 0, 0x01), reportsTamper: hasBits(content, 0, 0x02) }
}

/** Returns what a vital product data page holds, as far as it came. @throws ScsiError `malformed` when it is another page */
export function decodeVitalPage(bytes: Uint8Array, page: number): Uint8Array {
  if (bytes.length < 4) throw malformed('INQUIRY', 'the page is shorter than its header')
  if (byteAt(bytes, 1) !== page) throw malformed('INQUIRY', 'another page came than was asked for')
  return bytes.subarray(4, Math.min(bytes.length, 4 + numberAt(bytes, 2, 2)))
}

async function ask(device: ScsiDevice, page: number | undefined, options: CommandOptions): Promise<Uint8Array> {
  // A length above 255 is more than SPC-2 units understand.
  const dataIn = new Uint8Array(255)
  const cdb = fieldsOf(6, (view) => {
    view.setUint8(0, 0x12)
    view.setUint8(1, page === undefined ? 0 : 1)
    view.setUint8(2, page ?? 0)
    view.setUint16(3, dataIn.length)
  })
  const request = { what: 'INQUIRY', cdb, dataIn, timeoutMs: commandTimeoutsMs.inquiry }
  return (await issue(device, request, options)).data
}
