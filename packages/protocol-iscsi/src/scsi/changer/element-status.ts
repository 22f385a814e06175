import { byteAt, fieldsOf, hasBits, numberAt, putNumber } from '../bytes.js'
import { type CommandOptions, issue } from '../issue.js'
import type { ScsiDevice } from '../scsi-device.js'
import { isScsiError, malformed } from '../scsi-error.js'
import { commandTimeoutsMs } from '../timeouts.js'
import type { ElementAddresses, ElementRange } from './element-addresses.js'
import { decodeElement, type Element, type ElementType } from './element-descriptor.js'

/** What READ ELEMENT STATUS gave. */
export interface ElementStatus {
  readonly elements: readonly Element[]
  /** Elements that the changer says there are from the first one on. */
  readonly available: number
  /** The whole report came: no descriptor is missing or cut. */
  readonly isComplete: boolean
}

/** What to ask for. */
export interface ElementQuery {
  /** One kind at a time: changers exist that mix them up when all are asked for at once. */
  readonly type: ElementType
  /** @defaultValue 0: from the first one on */
  readonly firstAddress?: number
  /** @defaultValue 65535: all */
  readonly count?: number
  /** @defaultValue true */
  readonly withVolumeTags?: boolean
  /** Adds the names of drives. @defaultValue false: some changers refuse it */
  readonly withDeviceIds?: boolean
  /** Answers from what the changer knows, without moving. @defaultValue false */
  readonly fromMemory?: boolean
  /** @defaultValue 65536 */
  readonly allocationBytes?: number
}

const typeCodes = { transport: 1, storage: 2, 'import-export': 3, drive: 4 } as const

/** Asks what elements hold. SMC-3, 6.11. @throws ScsiError `unsupported`, `not-ready` while the changer takes inventory */
export async function readElementStatus(
  device: ScsiDevice,
  query: ElementQuery,
  options: CommandOptions,
): Promise<ElementStatus> {
  const { type, firstAddress = 0, count = 0xffff, withVolumeTags = true, withDeviceIds = false } = query
  const { fromMemory = false, allocationBytes = 65_536 } = query
  const dataIn = new Uint8Array(allocationBytes)
  const cdb = fieldsOf(12, (view) => {
    view.setUint8(0, 0xb8)
    view.setUint8(1, (withVolumeTags ? 0x10 : 0) | typeCodes[type])
    view.setUint16(2, firstAddress)
    view.setUint16(4, count)
    view.setUint8(6, (fromMemory ? 0x02 : 0) | (withDeviceIds ? 0x01 : 0))
    putNumber(view, 7, 3, allocationBytes)
  })
  const what = 'READ ELEMENT STATUS'
  const { data } = await issue(device, { what, cdb, dataIn, timeoutMs: commandTimeoutsMs.inventory }, options)
  return decodeElementStatus(data)
}

const pageHeaderBytes = 8
/** Flags, sense and source address: with less of a descriptor nothing is said. */
const leastDescriptorBytes = 12

/**
 * Reads element status data. SMC-3, 6.12.
 *
 * Guarantee: takes what is whole of an answer that ends early, whatever it claims; a descriptor that is cut says so.
 *
 * @throws ScsiError `malformed` when the header is not whole, or a descriptor is shorter than any can be
 */
export function decodeElementStatus(bytes: Uint8Array): ElementStatus {
  if (bytes.length < 8) throw malformed('READ ELEMENT STATUS', 'the answer is shorter than its header')
  const elements: Element[] = []
  const end = Math.min(bytes.length, 8 + numberAt(bytes, 5, 3))
  for (let at = 8; at + pageHeaderBytes <= end; ) {
    const pageEnd = at + pageHeaderBytes + numberAt(bytes, at + 5, 3)
    elements.push(...decodePage(bytes.subarray(at, Math.min(pageEnd, end))))
    at = pageEnd
  }
  const available = numberAt(bytes, 2, 2)
  const isComplete = elements.length >= available && elements.every((element) => !element.isCut)
  return { elements, available, isComplete }
}

function decodePage(page: Uint8Array): readonly Element[] {
  const type = typeOf(byteAt(page, 0))
  const lengthBytes = numberAt(page, 2, 2)
  if (page.length === pageHeaderBytes) return []
  if (lengthBytes < leastDescriptorBytes) throw malformed('READ ELEMENT STATUS', 'a descriptor is too short')
  if (type === undefined) throw malformed('READ ELEMENT STATUS', 'an element of an unknown kind')
  const parts = { type, lengthBytes, hasPrimaryTag: hasBits(page, 1, 0x80), hasAlternateTag: hasBits(page, 1, 0x40) }
  const elements: Element[] = []
  for (let at = pageHeaderBytes; at + leastDescriptorBytes <= page.length; at += lengthBytes)
    elements.push(decodeElement(page.subarray(at, at + lengthBytes), parts))
  return elements
}

function typeOf(code: number): ElementType | undefined {
  const types = { 1: 'transport', 2: 'storage', 3: 'import-export', 4: 'drive' } as const
  return code === 1 || code === 2 || code === 3 || code === 4 ? types[code] : undefined
}

/** All that a changer holds. */
export interface Inventory {
  readonly transports: readonly Element[]
  readonly storage: readonly Element[]
  readonly importExport: readonly Element[]
  readonly drives: readonly Element[]
}

/** How an inventory is read. */
export interface InventoryOptions extends CommandOptions {
  /** Asks for the names of drives too; a changer that refuses is asked again without. @defaultValue true */
  readonly withDeviceIds?: boolean
}

/**
 * Asks for all elements, one kind after another, and in parts where an answer is cut short.
 *
 * @throws ScsiError `malformed` when the changer does not tell of an element however it is asked
 */
export async function readInventory(
  device: ScsiDevice,
  addresses: ElementAddresses,
  options: InventoryOptions,
): Promise<Inventory> {
  const { withDeviceIds = true, ...rest } = options
  const read = async (type: ElementType, range: ElementRange) => await readRange(device, type, range, rest)
  return {
    transports: await read('transport', addresses.transports),
    storage: await read('storage', addresses.storage),
    importExport: await read('import-export', addresses.importExport),
    drives: await readDrives(device, addresses.drives, withDeviceIds, rest),
  }
}

async function readDrives(
  device: ScsiDevice,
  range: ElementRange,
  withDeviceIds: boolean,
  options: CommandOptions,
): Promise<readonly Element[]> {
  try {
    return await readRange(device, 'drive', range, options, withDeviceIds)
  } catch (error) {
    if (!withDeviceIds || !isScsiError(error) || error.code !== 'unsupported') throw error
    return await readRange(device, 'drive', range, options)
  }
}

async function readRange(
  device: ScsiDevice,
  type: ElementType,
  range: ElementRange,
  options: CommandOptions,
  withDeviceIds = false,
): Promise<readonly Element[]> {
  const found: Element[] = []
  for (let address = range.first; address < range.first + range.count; ) {
    const count = range.first + range.count - address
    const query = { type, firstAddress: address, count, withDeviceIds }
    const { elements } = await readElementStatus(device, query, options)
    const from = address
    const usable = elements.filter((element) => element.type === type && element.address >= from)
    // A cut element is asked for again at the head of the next answer; one that is cut even there is taken as it is.
    const whole = usable.filter((element, index) => !element.isCut || index === 0)
    const last = whole.at(-1)
    if (last === undefined) throw malformed('READ ELEMENT STATUS', `nothing is said about element ${address}`)
    found.push(...whole)
    address = last.address + 1
  }
  return found
}
