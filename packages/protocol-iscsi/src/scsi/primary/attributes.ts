import { byteAt, fieldsOf, hasBits, numberAt, putText, sizeAt, textAt } from '../bytes.js'
import { type CommandOptions, issue } from '../issue.js'
import type { ScsiDevice } from '../scsi-device.js'
import { malformed, ScsiError } from '../scsi-error.js'
import { commandTimeoutsMs } from '../timeouts.js'

/** How the value of an attribute is written. */
export type AttributeFormat = 'binary' | 'ascii' | 'text'

/** One attribute of the memory in a cartridge. SPC-4, 7.4. */
export interface MediumAttribute {
  /** One of `mediumAttribute`, or another number. */
  readonly id: number
  readonly format: AttributeFormat
  readonly isReadOnly: boolean
  readonly value: Uint8Array
}

/** Attributes that matter here, and how long those are that a host writes. SPC-4, tables 400 to 403. */
export const mediumAttribute = {
  remainingCapacity: 0x0000,
  maximumCapacity: 0x0001,
  tapeAlertFlags: 0x0002,
  loadCount: 0x0003,
  assigningOrganization: 0x0005,
  formattedDensity: 0x0006,
  writtenInLife: 0x0220,
  readInLife: 0x0221,
  manufacturer: 0x0400,
  mediumSerialNumber: 0x0401,
  manufactureDate: 0x0406,
  mediumType: 0x0408,
  applicationVendor: 0x0800,
  applicationName: 0x0801,
  applicationVersion: 0x0802,
  userTextLabel: 0x0803,
  lastWritten: 0x0804,
  barcode: 0x0806,
  owningHost: 0x0807,
  mediaPool: 0x0808,
} as const

const hostAttributes: Readonly<Record<number, readonly [format: AttributeFormat, lengthBytes: number]>> = {
  [mediumAttribute.applicationVendor]: ['ascii', 8],
  [mediumAttribute.applicationName]: ['ascii', 32],
  [mediumAttribute.applicationVersion]: ['ascii', 8],
  [mediumAttribute.userTextLabel]: ['text', 160],
  [mediumAttribute.lastWritten]: ['ascii', 12],
  [mediumAttribute.barcode]: ['ascii', 32],
  [mediumAttribute.owningHost]: ['text', 80],
  [mediumAttribute.mediaPool]: ['text', 160],
}

const formats = ['binary', 'ascii', 'text', 'binary'] as const

/** Reads the attributes of the cartridge in a drive. SPC-4, 6.17. @throws ScsiError `unsupported`, `no-medium` */
export async function readAttributes(
  device: ScsiDevice,
  options: CommandOptions & { readonly firstId?: number },
): Promise<readonly MediumAttribute[]> {
  const { firstId = 0, ...rest } = options
  const dataIn = new Uint8Array(16_384)
  const cdb = fieldsOf(16, (view) => {
    view.setUint8(0, 0x8c)
    view.setUint16(8, firstId)
    view.setUint32(10, dataIn.length)
  })
  const request = { what: 'READ ATTRIBUTE', cdb, dataIn, timeoutMs: commandTimeoutsMs.inquiry }
  return decodeAttributes((await issue(device, request, rest)).data)
}

/** Reads a list of attributes; one that is cut off is left out. @throws ScsiError `malformed` */
export function decodeAttributes(bytes: Uint8Array): readonly MediumAttribute[] {
  if (bytes.length < 4) throw malformed('READ ATTRIBUTE', 'the list is shorter than its header')
  const end = Math.min(bytes.length, 4 + numberAt(bytes, 0, 4))
  const attributes: MediumAttribute[] = []
  for (let at = 4; at + 5 <= end; at += 5 + numberAt(bytes, at + 3, 2)) {
    const valueEnd = at + 5 + numberAt(bytes, at + 3, 2)
    if (valueEnd > end) break
    attributes.push({
      id: numberAt(bytes, at, 2),
      format: formats[byteAt(bytes, at + 2) & 3] ?? 'binary',
      isReadOnly: hasBits(bytes, at + 2, 0x80),
      value: bytes.subarray(at + 5, valueEnd),
    })
  }
  return attributes
}

/** Makes the list of attributes that WRITE ATTRIBUTE sends. @throws ScsiError `invalid` when a value is too long */
export function encodeAttributes(attributes: readonly MediumAttribute[]): Uint8Array {
  const total = attributes.reduce((sum, { value }) => sum + 5 + value.length, 0)
  const bytes = fieldsOf(4 + total, (view) => view.setUint32(0, total))
  let at = 4
  for (const { id, format, isReadOnly, value } of attributes) {
    if (value.length > 65_535) throw new ScsiError('invalid', 'WRITE ATTRIBUTE', { detail: 'a value is too long' })
    const head = [id >> 8, id & 0xff, (isReadOnly ? 0x80 : 0) | formats.indexOf(format)]
    bytes.set([...head, value.length >> 8, value.length & 0xff], at)
    bytes.set(value, at + 5)
    at += 5 + value.length
  }
  return bytes
}

/** Writes attributes of the cartridge in a drive; one with an empty value is removed. SPC-4, 6.51. */
export async function writeAttributes(
  device: ScsiDevice,
  attributes: readonly MediumAttribute[],
  options: CommandOptions,
): Promise<void> {
  const dataOut = encodeAttributes(attributes)
  const cdb = fieldsOf(16, (view) => {
    view.setUint8(0, 0x8d)
    // Through the cache: it is in the cartridge when the answer comes.
    view.setUint8(1, 0x01)
    view.setUint32(10, dataOut.length)
  })
  await issue(device, { what: 'WRITE ATTRIBUTE', cdb, dataOut, timeoutMs: commandTimeoutsMs.inquiry }, options)
}

/** Makes an attribute that a host may write, padded as the standard wants it. @throws ScsiError `invalid` */
export function hostAttribute(id: number, text: string): MediumAttribute {
  const [format, lengthBytes] = hostAttributes[id] ?? []
  if (format === undefined || lengthBytes === undefined)
    throw new ScsiError('invalid', 'WRITE ATTRIBUTE', { detail: `a host cannot write the attribute ${id}` })
  const bytes = format === 'text' ? new TextEncoder().encode(text) : undefined
  if ((bytes?.length ?? text.length) > lengthBytes)
    throw new ScsiError('invalid', 'WRITE ATTRIBUTE', { detail: `a text is longer than ${lengthBytes} bytes` })
  const value = new Uint8Array(lengthBytes)
  if (bytes === undefined) putText(value, 0, lengthBytes, text)
  else value.set(bytes)
  return { id, format, isReadOnly: false, value }
}

/** What the memory of a cartridge tells; what it does not tell is undefined. */
export interface MediumMemory {
  readonly remainingBytes: number | undefined
  readonly maximumBytes: number | undefined
  readonly loadCount: number | undefined
  readonly barcode: string | undefined
  readonly mediumSerialNumber: string | undefined
  readonly manufacturer: string | undefined
  readonly userTextLabel: string | undefined
  readonly owningHost: string | undefined
  readonly applicationName: string | undefined
  readonly kind: 'data' | 'cleaning' | 'worm' | 'other' | undefined
}

/** Reads attributes as what they mean. */
export function summarizeAttributes(attributes: readonly MediumAttribute[]): MediumMemory {
  const find = (id: number) => attributes.find((attribute) => attribute.id === id)?.value
  const text = (id: number) => {
    const value = find(id)
    const found = value === undefined ? '' : decodeText(value, attributes.find((each) => each.id === id)?.format)
    return found === '' ? undefined : found
  }
  const count = (id: number) => {
    const value = find(id)
    return value?.length === 8 ? sizeAt(value, 0) : undefined
  }
  const size = (id: number) => {
    const value = count(id)
    return value === undefined ? undefined : value * 2 ** 20
  }
  return {
    remainingBytes: size(mediumAttribute.remainingCapacity),
    maximumBytes: size(mediumAttribute.maximumCapacity),
    loadCount: count(mediumAttribute.loadCount),
    barcode: text(mediumAttribute.barcode),
    mediumSerialNumber: text(mediumAttribute.mediumSerialNumber),
    manufacturer: text(mediumAttribute.manufacturer),
    userTextLabel: text(mediumAttribute.userTextLabel),
    owningHost: text(mediumAttribute.owningHost),
    applicationName: text(mediumAttribute.applicationName),
    kind: kindOf(find(mediumAttribute.mediumType)),
  }
}

function kindOf(value: Uint8Array | undefined): MediumMemory['kind'] {
  if (value?.length !== 1) return
  const kinds = { 0: 'data', 1: 'cleaning', 128: 'worm' } as const
  const type = byteAt(value, 0)
  return type === 0x00 || type === 0x01 || type === 0x80 ? kinds[type] : 'other'
}

const utf8 = new TextDecoder('utf-8')

function decodeText(value: Uint8Array, format: AttributeFormat | undefined): string {
  if (format !== 'text') return textAt(value, 0, value.length)
  const end = value.indexOf(0)
  return utf8.decode(end < 0 ? value : value.subarray(0, end)).trim()
}
