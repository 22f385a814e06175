import { byteAt, hasBits, numberAt } from '../bytes.js'
import { malformed } from '../scsi-error.js'
import type { ModePage, ModeParameters } from './mode.js'

/** Finds a page among mode parameters. @throws ScsiError `malformed` when the unit gave another one */
export function pageOf(parameters: ModeParameters, code: number, contentBytes: number): ModePage {
  const page = parameters.pages.find((candidate) => candidate.code === code && candidate.subpage === 0)
  if (page === undefined) throw malformed('MODE SENSE', `page ${code.toString(16)}h is missing`)
  if (page.content.length < contentBytes) throw malformed('MODE SENSE', `page ${code.toString(16)}h is too short`)
  return page
}

/** Code of the page that says how a drive compresses. */
export const compressionPage = 0x0f

/** How a drive compresses. SSC-4, 8.3.3. */
export interface Compression {
  readonly isEnabled: boolean
  readonly isPossible: boolean
  readonly isDecompressing: boolean
  readonly algorithm: number
}

/** Reads page 0Fh. @throws ScsiError `malformed` */
export function decodeCompression(parameters: ModeParameters): Compression {
  const { content } = pageOf(parameters, compressionPage, 14)
  return {
    isEnabled: hasBits(content, 0, 0x80),
    isPossible: hasBits(content, 0, 0x40),
    isDecompressing: hasBits(content, 1, 0x80),
    algorithm: numberAt(content, 2, 4),
  }
}

/** Changes page 0Fh as it was read, so that MODE SELECT sets nothing else. @throws ScsiError `malformed` */
export function withCompression(parameters: ModeParameters, isEnabled: boolean): ModePage {
  const page = pageOf(parameters, compressionPage, 14)
  const content = Uint8Array.from(page.content)
  content[0] = (byteAt(content, 0) & 0x7f) | (isEnabled ? 0x80 : 0)
  return { ...page, content }
}

/** Code of the page that says how a drive treats its tape. */
export const deviceConfigurationPage = 0x10

/** How a drive treats its tape. SSC-4, 8.3.4. */
export interface DeviceConfiguration {
  readonly activePartition: number
  readonly reportsEarlyWarning: boolean
  readonly compressionAlgorithm: number
  /** The tape is write protected: by software, permanently, or as it is associated so. */
  readonly isSoftwareProtected: boolean
}

/** Reads page 10h. @throws ScsiError `malformed` */
export function decodeDeviceConfiguration(parameters: ModeParameters): DeviceConfiguration {
  const { content } = pageOf(parameters, deviceConfigurationPage, 14)
  return {
    activePartition: byteAt(content, 1),
    reportsEarlyWarning: hasBits(content, 6, 0x01),
    compressionAlgorithm: byteAt(content, 12),
    isSoftwareProtected: (byteAt(content, 13) & 0x07) !== 0 || hasBits(content, 8, 0x04),
  }
}

/** Code of the page that says whether a cartridge can be written once only; changers have another page of this number. */
export const mediumConfigurationPage = 0x1d

/** What a write once cartridge allows. SSC-4, 8.3.8. */
export interface MediumConfiguration {
  readonly isWorm: boolean
  /** Which labels may be overwritten: 0 none, 1 some, 2 all. */
  readonly labelRestrictions: number
  /** Which filemarks before the end of the data may be overwritten: 2 all but the one next to the beginning, 3 all. */
  readonly filemarkRestrictions: number
}

/** Reads page 1Dh of a tape drive. @throws ScsiError `malformed` */
export function decodeMediumConfiguration(parameters: ModeParameters): MediumConfiguration {
  const { content } = pageOf(parameters, mediumConfigurationPage, 4)
  return {
    isWorm: hasBits(content, 0, 0x01),
    labelRestrictions: byteAt(content, 2),
    filemarkRestrictions: byteAt(content, 3),
  }
}
