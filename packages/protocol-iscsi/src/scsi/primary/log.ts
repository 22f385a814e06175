import { byteAt, fieldsOf, hasBits, numberAt, textAt } from '../bytes.js'
import { type CommandOptions, issue } from '../issue.js'
import type { ScsiDevice } from '../scsi-device.js'
import { malformed } from '../scsi-error.js'
import { commandTimeoutsMs } from '../timeouts.js'

/** One log page: its parameters by their codes. SPC-4, 7.3.2. */
export interface LogPage {
  readonly page: number
  readonly subpage: number
  readonly parameters: ReadonlyMap<number, Uint8Array>
}

/** Asks for a log page with its cumulative values. SPC-4, 6.7. @throws ScsiError `unsupported` when there is no such page */
export async function logSense(device: ScsiDevice, page: number, options: CommandOptions): Promise<LogPage> {
  const dataIn = new Uint8Array(8192)
  const cdb = fieldsOf(10, (view) => {
    view.setUint8(0, 0x4d)
    view.setUint8(2, 0x40 | (page & 0x3f))
    view.setUint16(7, dataIn.length)
  })
  const request = { what: 'LOG SENSE', cdb, dataIn, timeoutMs: commandTimeoutsMs.inquiry }
  const found = decodeLogPage((await issue(device, request, options)).data)
  if (found.page !== page) throw malformed('LOG SENSE', 'another page came than was asked for')
  return found
}

/** Reads a log page; a parameter that is cut off is left out. @throws ScsiError `malformed` */
export function decodeLogPage(bytes: Uint8Array): LogPage {
  if (bytes.length < 4) throw malformed('LOG SENSE', 'the page is shorter than its header')
  const end = Math.min(bytes.length, 4 + numberAt(bytes, 2, 2))
  const parameters = new Map<number, Uint8Array>()
  for (let at = 4; at + 4 <= end; at += 4 + byteAt(bytes, at + 3)) {
    const valueEnd = at + 4 + byteAt(bytes, at + 3)
    if (valueEnd > end) break
    parameters.set(numberAt(bytes, at, 2), bytes.subarray(at + 4, valueEnd))
  }
  const isSubpage = hasBits(bytes, 0, 0x40)
  return { page: byteAt(bytes, 0) & 0x3f, subpage: isSubpage ? byteAt(bytes, 1) : 0, parameters }
}

/** How much fits on the cartridge in the drive, before compression. */
export interface TapeCapacity {
  readonly remainingBytes: number | undefined
  readonly maximumBytes: number | undefined
}

const mib = 2 ** 20

/** Code of the page with the capacity of the cartridge; LTO drives have it. */
export const tapeCapacityPage = 0x31

/** Reads page 31h, of the first partition. */
export function decodeTapeCapacity({ parameters }: LogPage): TapeCapacity {
  const sizeOf = (code: number) => {
    const count = countOf(parameters.get(code))
    return count === undefined ? undefined : count * mib
  }
  return { remainingBytes: sizeOf(1), maximumBytes: sizeOf(3) }
}

/** Code of the page with the life of the cartridge. */
export const volumeStatisticsPage = 0x17

/** The life of the cartridge in the drive. SSC-4, 8.2.9. What the drive does not tell is undefined. */
export interface VolumeStatistics {
  readonly barcode: string | undefined
  readonly serialNumber: string | undefined
  readonly mounts: number | undefined
  readonly writtenBytes: number | undefined
  readonly readBytes: number | undefined
  readonly unrecoveredWriteErrors: number | undefined
  readonly unrecoveredReadErrors: number | undefined
  readonly isWorm: boolean | undefined
  readonly isWriteProtected: boolean | undefined
}

const megabyte = 1_000_000

/** Reads page 17h in short. */
export function decodeVolumeStatistics({ parameters }: LogPage): VolumeStatistics {
  const count = (code: number) => countOf(parameters.get(code))
  const megabytes = (code: number) => {
    const value = count(code)
    return value === undefined ? undefined : value * megabyte
  }
  const text = (code: number) => {
    const value = parameters.get(code)
    return value === undefined ? undefined : textAt(value, 0, value.length)
  }
  const flag = (code: number) => {
    const value = count(code)
    return value === undefined ? undefined : value !== 0
  }
  return {
    mounts: count(0x0001),
    unrecoveredWriteErrors: count(0x0004),
    unrecoveredReadErrors: count(0x0009),
    writtenBytes: megabytes(0x0010),
    readBytes: megabytes(0x0011),
    serialNumber: text(0x0040),
    barcode: text(0x0042),
    isWriteProtected: flag(0x0080),
    isWorm: flag(0x0081),
  }
}

function countOf(value: Uint8Array | undefined): number | undefined {
  // A counter of all ones is unknown: SSC-4, 8.2.9.
  if (value === undefined || value.length === 0 || value.length > 8 || value.every((byte) => byte === 0xff)) return
  const count = numberAt(value, 0, value.length)
  return Number.isSafeInteger(count) ? count : undefined
}
