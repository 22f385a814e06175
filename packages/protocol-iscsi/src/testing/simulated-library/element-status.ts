import { byteAt, numberAt, putText, viewOf } from '../../scsi/bytes.js'
import type { ElementType } from '../../scsi/index.js'
import { type ChangerState, cartridgeIn, type ElementState } from './changer-state.js'
import { check, conditions, good, type Handler } from './outcome.js'
import { deviceId } from './primary-commands.js'

const typeCodes = { transport: 1, storage: 2, 'import-export': 3, drive: 4 } as const
const types = Object.keys(typeCodes) as readonly ElementType[]
const deviceIdBytes = 34

/** READ ELEMENT STATUS. SMC-3, 6.11 and 6.12. */
export const elementStatus: Handler<ChangerState> = (changer, { cdb }) => {
  const code = byteAt(cdb, 1) & 0xf
  const hasTags = (byteAt(cdb, 1) & 0x10) !== 0
  const hasDeviceIds = (byteAt(cdb, 6) & 0x01) !== 0
  if (code > 4 || (hasDeviceIds && !changer.settings.supports.deviceIds)) return check(conditions.invalidField)
  const { quirks } = changer.settings
  const isLoose = quirks.has('element-status-loose')
  const count = isLoose ? Number.POSITIVE_INFINITY : numberAt(cdb, 4, 2)
  const start = numberAt(cdb, 2, 2)
  const found = (code === 0 ? types : types.filter((type) => typeCodes[type] === code)).flatMap((type) =>
    changer.elements.filter((element) => element.type === type && element.address >= start),
  )
  const chosen = found.slice(0, count)
  const pages = types.flatMap((type) => {
    const elements = chosen.filter((element) => element.type === type)
    return elements.length === 0 ? [] : [pageOf(changer, type, elements, { hasTags, hasDeviceIds })]
  })
  const body = pages.length === 0 && isLoose ? [Uint8Array.of(code, hasTags ? 0x80 : 0, 0, 0, 0, 0, 0, 0)] : pages
  const length = body.reduce((sum, page) => sum + page.length, 0)
  const bytes = new Uint8Array(8 + length)
  const view = viewOf(bytes)
  view.setUint16(0, isLoose ? looseFirst(changer, chosen) : (chosen[0]?.address ?? 0))
  view.setUint16(2, chosen.length)
  view.setUint32(4, length)
  let at = 8
  for (const page of body) {
    bytes.set(page, at)
    at += page.length
  }
  const end = quirks.has('element-status-cut') ? length : bytes.length
  return good(bytes.subarray(0, Math.min(end, numberAt(cdb, 7, 3))))
}

/** tgtd notes the address of each element that it passes while it has found exactly one. */
function looseFirst(changer: ChangerState, chosen: readonly ElementState[]): number {
  const [first, second] = chosen
  if (first === undefined) return 0
  const list = changer.elements
  const from = list.indexOf(first)
  const to = second === undefined ? list.length : list.indexOf(second)
  return list[to - 1]?.address ?? list[from]?.address ?? 0
}

interface Parts {
  readonly hasTags: boolean
  readonly hasDeviceIds: boolean
}

function pageOf(changer: ChangerState, type: ElementType, elements: readonly ElementState[], parts: Parts): Uint8Array {
  const tagBytes = parts.hasTags ? 36 : 0
  const lengthBytes = 12 + tagBytes + 4 + (parts.hasDeviceIds ? deviceIdBytes : 0)
  const page = new Uint8Array(8 + lengthBytes * elements.length)
  const view = viewOf(page)
  view.setUint8(0, typeCodes[type])
  view.setUint8(1, parts.hasTags ? 0x80 : 0)
  view.setUint16(2, lengthBytes)
  view.setUint32(4, lengthBytes * elements.length)
  elements.forEach((element, index) => {
    const at = 8 + lengthBytes * index
    describe(changer, element, page.subarray(at, at + lengthBytes), parts)
  })
  return page
}

function describe(changer: ChangerState, element: ElementState, bytes: Uint8Array, parts: Parts): void {
  const isLoose = changer.settings.quirks.has('element-status-loose')
  const cartridge = cartridgeIn(element)
  const view = viewOf(bytes)
  view.setUint16(0, element.address)
  view.setUint8(2, (cartridge === undefined ? 0 : 0x01) | (isLoose ? 0 : flagsOf(element)))
  view.setUint16(4, element.exception ?? 0)
  if (element.source !== undefined && cartridge !== undefined) {
    view.setUint8(9, 0x80)
    view.setUint16(10, element.source)
  }
  if (parts.hasTags) putText(bytes, 12, 32, cartridge?.barcode ?? '')
  if (!parts.hasDeviceIds || element.drive === undefined) return
  const at = 12 + (parts.hasTags ? 36 : 0)
  bytes.set([0x02, 0x01, 0, deviceIdBytes], at)
  bytes.set(deviceId(element.drive, isLoose ? 0 : 0x20), at + 4)
}

function flagsOf(element: ElementState): number {
  const exception = element.exception === undefined ? 0 : 0x04
  switch (element.type) {
    case 'transport':
      return exception
    case 'storage':
      return exception | 0x08
    case 'import-export':
      return exception | 0x38 | (element.byOperator ? 0x02 : 0)
    case 'drive':
      // A loaded cartridge is out of the arm's reach.
      return exception | (element.drive?.isLoaded === true ? 0 : 0x08)
  }
}
