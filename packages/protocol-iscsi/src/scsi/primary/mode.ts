import { byteAt, fieldsOf, hasBits, numberAt, putNumber } from '../bytes.js'
import { type CommandOptions, issue } from '../issue.js'
import type { ScsiDevice } from '../scsi-device.js'
import { malformed, ScsiError } from '../scsi-error.js'
import { commandTimeoutsMs } from '../timeouts.js'

/** Which of the two forms of a command: older units have the short one alone. */
export type ModeForm = 6 | 10

/** One page of mode parameters, without its header. SPC-4, 7.5.6. */
export interface ModePage {
  readonly code: number
  readonly subpage: number
  /** What follows the page's length field. */
  readonly content: Uint8Array
}

/** How a tape is written now. SSC-4, 8.3.1. */
export interface BlockDescriptor {
  readonly densityCode: number
  /** Zero on tapes. */
  readonly blockCount: number
  /** Zero: blocks have the length that each READ and WRITE gives. */
  readonly blockLengthBytes: number
}

/** Mode parameters as a tape drive or a changer gives them. SSC-4, 8.3.1. */
export interface ModeParameters {
  readonly mediumType: number
  readonly isWriteProtected: boolean
  /** 0: a write is answered when it is on the tape; 1, 2: when it is in the buffer. */
  readonly bufferedMode: number
  readonly blockDescriptor: BlockDescriptor | undefined
  readonly pages: readonly ModePage[]
}

/** What to ask for. */
export interface ModeQuery {
  /** Code of the page; 0x3f for all, 0 for none but the header. */
  readonly page: number
  readonly subpage?: number
  /** @defaultValue 6 */
  readonly form?: ModeForm
  /** Leaves the block descriptor out. */
  readonly withoutBlockDescriptor?: boolean
  /** Values that are in force, or which of them can be changed, or those of the factory. @defaultValue current */
  readonly values?: 'current' | 'changeable' | 'default'
}

const controls = { current: 0, changeable: 1, default: 2 } as const

/** Asks for mode parameters. SPC-4, 6.13 and 6.14. @throws ScsiError `unsupported` when there is no such page */
export async function modeSense(
  device: ScsiDevice,
  query: ModeQuery,
  options: CommandOptions,
): Promise<ModeParameters> {
  const { page, subpage = 0, form = 6, withoutBlockDescriptor = false, values = 'current' } = query
  const dataIn = new Uint8Array(form === 6 ? 255 : 4096)
  const cdb = fieldsOf(form, (view) => {
    view.setUint8(0, form === 6 ? 0x1a : 0x5a)
    view.setUint8(1, withoutBlockDescriptor ? 0x08 : 0)
    view.setUint8(2, (controls[values] << 6) | (page & 0x3f))
    view.setUint8(3, subpage)
    if (form === 6) view.setUint8(4, dataIn.length)
    else view.setUint16(7, dataIn.length)
  })
  const what = `MODE SENSE(${form})`
  const { data } = await issue(device, { what, cdb, dataIn, timeoutMs: commandTimeoutsMs.inquiry }, options)
  return decodeModeParameters(data, form)
}

/** Reads mode parameters; a page that is cut off is left out. @throws ScsiError `malformed` when the header is not whole */
export function decodeModeParameters(bytes: Uint8Array, form: ModeForm): ModeParameters {
  const headerBytes = form === 6 ? 4 : 8
  if (bytes.length < headerBytes) throw malformed('MODE SENSE', 'the answer is shorter than its header')
  const claimed = form === 6 ? 1 + byteAt(bytes, 0) : 2 + numberAt(bytes, 0, 2)
  const end = Math.min(bytes.length, claimed)
  const [mediumAt, deviceAt] = form === 6 ? [1, 2] : [2, 3]
  const descriptorBytes = form === 6 ? byteAt(bytes, 3) : numberAt(bytes, 6, 2)
  const hasDescriptor = descriptorBytes >= 8 && headerBytes + 8 <= end
  return {
    mediumType: byteAt(bytes, mediumAt),
    isWriteProtected: hasBits(bytes, deviceAt, 0x80),
    bufferedMode: (byteAt(bytes, deviceAt) >> 4) & 7,
    blockDescriptor: hasDescriptor ? decodeBlockDescriptor(bytes, headerBytes) : undefined,
    pages: decodePages(bytes.subarray(0, end), headerBytes + descriptorBytes),
  }
}

function decodeBlockDescriptor(bytes: Uint8Array, at: number): BlockDescriptor {
  return {
    densityCode: byteAt(bytes, at),
    blockCount: numberAt(bytes, at + 1, 3),
    blockLengthBytes: numberAt(bytes, at + 5, 3),
  }
}

function decodePages(bytes: Uint8Array, start: number): readonly ModePage[] {
  const pages: ModePage[] = []
  for (let at = start; at + 2 <= bytes.length; ) {
    const isSubpage = hasBits(bytes, at, 0x40)
    const contentAt = at + (isSubpage ? 4 : 2)
    const end = contentAt + (isSubpage ? numberAt(bytes, at + 2, 2) : byteAt(bytes, at + 1))
    if (end > bytes.length) break
    const code = byteAt(bytes, at) & 0x3f
    // Page 0 of a vendor has no length field everywhere; where it says none, nothing follows.
    pages.push({ code, subpage: isSubpage ? byteAt(bytes, at + 1) : 0, content: bytes.subarray(contentAt, end) })
    at = end
  }
  return pages
}

/** What to set. */
export interface ModeChange {
  /** @defaultValue 1: a drive that writes each block through stops after each */
  readonly bufferedMode?: number
  readonly blockDescriptor?: BlockDescriptor
  readonly pages?: readonly ModePage[]
  /** @defaultValue 6 */
  readonly form?: ModeForm
}

/** Sets mode parameters. SPC-4, 6.11 and 6.12. @throws ScsiError `unsupported`, `illegal-request` */
export async function modeSelect(device: ScsiDevice, change: ModeChange, options: CommandOptions): Promise<void> {
  const { form = 6 } = change
  const dataOut = encodeModeParameters(change)
  const cdb = fieldsOf(form, (view) => {
    view.setUint8(0, form === 6 ? 0x15 : 0x55)
    // The pages have the format of the standard.
    view.setUint8(1, 0x10)
    if (form === 6) view.setUint8(4, dataOut.length)
    else view.setUint16(7, dataOut.length)
  })
  const what = `MODE SELECT(${form})`
  await issue(device, { what, cdb, dataOut, timeoutMs: commandTimeoutsMs.inquiry }, options)
}

/** Makes the parameter list of MODE SELECT. @throws ScsiError `invalid` when it is too long for the form */
export function encodeModeParameters(change: ModeChange): Uint8Array {
  const { bufferedMode = 1, blockDescriptor, pages = [], form = 6 } = change
  const headerBytes = form === 6 ? 4 : 8
  const descriptorBytes = blockDescriptor === undefined ? 0 : 8
  const pagesBytes = pages.reduce((sum, page) => sum + (page.subpage === 0 ? 2 : 4) + page.content.length, 0)
  const totalBytes = headerBytes + descriptorBytes + pagesBytes
  if (totalBytes > (form === 6 ? 255 : 65_535) || pages.some((page) => page.subpage === 0 && page.content.length > 255))
    throw new ScsiError('invalid', `MODE SELECT(${form})`, { detail: 'the parameters are too long' })
  const bytes = fieldsOf(totalBytes, (view) => {
    view.setUint8(form === 6 ? 2 : 3, (bufferedMode & 7) << 4)
    view.setUint8(form === 6 ? 3 : 7, descriptorBytes)
    if (blockDescriptor === undefined) return
    view.setUint8(headerBytes, blockDescriptor.densityCode)
    putNumber(view, headerBytes + 1, 3, blockDescriptor.blockCount)
    putNumber(view, headerBytes + 5, 3, blockDescriptor.blockLengthBytes)
  })
  let at = headerBytes + descriptorBytes
  for (const { code, subpage, content } of pages) {
    const head =
      subpage === 0
        ? [code & 0x3f, content.length]
        : [0x40 | (code & 0x3f), subpage, content.length >> 8, content.length & 0xff]
    bytes.set(head, at)
    bytes.set(content, at + head.length)
    at += head.length + content.length
  }
  return bytes
}
