import { Buffer } from 'node:buffer'
import type { NamedSource } from '../bytes/byte-source.js'
import { fields } from '../bytes/fields.js'
import { readPart } from '../bytes/read-part.js'
import { corrupt, ImageError } from '../image/image-error.js'
import type { ImageProblem } from '../image/layer.js'
import { checksumAt, structureChecksum } from './crc32c.js'
import { readGuid, zeroGuid } from './guid.js'
import { fileType, headers } from './layout.js'

/** The current header of a file (2.2.2). */
export interface VhdxHeader {
  readonly sequence: bigint
  readonly fileWriteId: string
  /** Changes whenever the disk's content does; children remember it. */
  readonly dataWriteId: string
  /** Marks entries of the log that count. Absent when the log is empty. */
  readonly logId?: string
  readonly logBytes: number
  /** Not checked: it matters only when there is a log to replay. */
  readonly logOffset: bigint
  /** Program that made the file, for people. */
  readonly creator: string
  readonly problems: readonly ImageProblem[]
}

/**
 * Reads both headers and picks the current one: the valid one with the greater sequence number.
 *
 * @throws ImageError `corrupt` when none is current, `unsupported`
 */
export async function readHeader(file: NamedSource): Promise<VhdxHeader> {
  const copies: readonly HeaderCopy[] = await Promise.all(headers.places.map((at) => readCopy(file, at)))
  const valid = copies.filter(({ isValid }) => isValid)
  const current = valid.reduce<HeaderCopy | undefined>((best, copy) => newer(best, copy, file.name), undefined)
  if (current === undefined)
    throw corrupt('neither of its two headers is whole: the checksums are wrong', file.name, headers.places[0])
  return {
    ...parseHeader(current, file.name),
    creator: await readCreator(file),
    problems: copies
      .filter(({ isValid }) => !isValid)
      .map(({ at }) => ({
        severity: 'note',
        message: `The header at ${at} is damaged; the other one is used`,
        offset: at,
      })),
  }
}

interface HeaderCopy {
  readonly at: number
  readonly bytes: Uint8Array
  readonly sequence: bigint
  readonly isValid: boolean
}

async function readCopy(file: NamedSource, at: number): Promise<HeaderCopy> {
  const bytes = await readPart(file, at, headers.bytes, 'a header')
  const header = fields(bytes, 'little', file.name)
  const isValid = header.u32(0) === headers.signature && header.u32(checksumAt) === structureChecksum(bytes)
  return { at, bytes, sequence: header.bits64(8), isValid }
}

function newer(best: HeaderCopy | undefined, copy: HeaderCopy, file: string): HeaderCopy {
  if (best === undefined || copy.sequence > best.sequence) return copy
  if (copy.sequence < best.sequence || Buffer.compare(copy.bytes, best.bytes) === 0) return best
  throw corrupt(`its two headers differ but have the same sequence number, ${copy.sequence}`, file, copy.at)
}

function parseHeader({ at, bytes, sequence }: HeaderCopy, file: string): Omit<VhdxHeader, 'creator' | 'problems'> {
  const header = fields(bytes, 'little', file)
  const version = header.u16(66)
  if (version !== headers.version)
    throw new ImageError('unsupported', `it is of version ${version} of VHDX; version ${headers.version} is read`, {
      file,
      offset: at + 66,
    })
  const logId = readGuid(bytes, 48)
  const logVersion = header.u16(64)
  if (logId !== zeroGuid && logVersion !== headers.logVersion)
    throw new ImageError('unsupported', `its log is of version ${logVersion}; version ${headers.logVersion} is read`, {
      file,
      offset: at + 64,
      hint: 'Open and close it with the program that last wrote it, which then empties the log.',
    })
  return {
    sequence,
    fileWriteId: readGuid(bytes, 16),
    dataWriteId: readGuid(bytes, 32),
    ...(logId !== zeroGuid && { logId }),
    logBytes: header.u32(68),
    logOffset: header.bits64(72),
  }
}

async function readCreator(file: NamedSource): Promise<string> {
  const bytes = await readPart(file, fileType.creatorAt, fileType.creatorBytes, 'the name of the creator')
  const text = new TextDecoder('utf-16le').decode(bytes)
  const end = text.indexOf('\0')
  // It is shown to people: nothing in it may steer a terminal.
  return text.slice(0, end === -1 ? undefined : end).replaceAll(/\p{Cc}/gu, '')
}
