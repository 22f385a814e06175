import { type Fields, fields } from '../bytes/fields.js'
import type { FileAttribute, Metadata } from '../filesystem.js'
import { nameFromText } from '../names/name-bytes.js'
import { decodeOem, shortName, shortNameSum } from './short-name.js'

/** What an entry of a directory says. */
export interface FatEntry {
  readonly name: string
  readonly shortName: string
  readonly isDirectory: boolean
  readonly isLabel: boolean
  readonly firstCluster: number
  readonly sizeBytes: number
  readonly metadata: Metadata
}

const entryBytes = 32
const attribute = { readOnly: 0x01, hidden: 0x02, system: 0x04, label: 0x08, directory: 0x10, archive: 0x20 } as const
const longNameAttributes = 0x0f
const lastPart = 0x40
const mostParts = 20
/** Bytes of an entry that hold the 13 characters of a part of a long name. */
const characters = [1, 3, 5, 7, 9, 14, 16, 18, 20, 22, 24, 28, 30] as const

/** Parts of a long name that were read, the last one first as they stand. */
interface LongName {
  readonly text: string
  readonly sum: number
  /** Number of the part that was read last; 1 is the first of the name. */
  readonly part: number
}

/** Reads the entries of a directory, fed with its bytes from the beginning. */
export interface EntryReader {
  /** Yields the entries of more bytes, whole entries at a time, until the directory ends. */
  readonly feed: (bytes: Uint8Array) => Iterable<FatEntry>
  readonly hasEnded: () => boolean
}

/** Makes the reader of one directory. Long names that do not belong to their short one are left out, as systems do. */
export function entryReader(isFat32: boolean): EntryReader {
  let long: LongName | undefined
  let ended = false
  function* feed(bytes: Uint8Array): Iterable<FatEntry> {
    for (let at = 0; at + entryBytes <= bytes.byteLength && !ended; at += entryBytes) {
      const raw = fields(bytes.subarray(at, at + entryBytes), 'little', 'an entry of a directory')
      const first = raw.u8(0)
      if (first === 0) {
        ended = true
      } else if (first === 0xe5) {
        long = undefined
      } else if ((raw.u8(11) & 0x3f) === longNameAttributes) {
        long = joined(long, raw)
      } else {
        const entry = entryOf(raw, long, isFat32)
        long = undefined
        if (entry.name !== '.' && entry.name !== '..') yield entry
      }
    }
  }
  return { feed, hasEnded: () => ended }
}

function joined(long: LongName | undefined, raw: Fields): LongName | undefined {
  const order = raw.u8(0)
  const part = order & 0x3f
  const sum = raw.u8(13)
  if (part === 0 || part > mostParts) return undefined
  const text = String.fromCharCode(...characters.map((at) => raw.u16(at)))
  if ((order & lastPart) !== 0) return { text: text.replace(/\0.*$/s, ''), sum, part }
  if (long === undefined || long.part !== part + 1 || long.sum !== sum) return undefined
  return { text: text + long.text, sum, part }
}

function entryOf(raw: Fields, long: LongName | undefined, isFat32: boolean): FatEntry {
  const nameBytes = raw.slice(0, 11)
  const flags = raw.u8(11)
  const isLabel = (flags & attribute.label) !== 0
  const belongs = long !== undefined && long.part === 1 && long.sum === shortNameSum(nameBytes) && long.text !== ''
  const short = nameFromText(isLabel ? decodeOem(nameBytes).trimEnd() : shortName(nameBytes, raw.u8(12)))
  return {
    name: belongs ? nameFromText(long.text) : short,
    shortName: short,
    isDirectory: (flags & attribute.directory) !== 0,
    isLabel,
    firstCluster: raw.u16(26) + (isFat32 ? raw.u16(20) * 2 ** 16 : 0),
    sizeBytes: raw.u32(28),
    metadata: {
      ...timeOf('modifiedAt', raw.u16(24), raw.u16(22), 0),
      ...timeOf('createdAt', raw.u16(16), raw.u16(14), raw.u8(13)),
      ...timeOf('accessedAt', raw.u16(18), 0, 0),
      attributes: attributesOf(flags),
    },
  }
}

function attributesOf(flags: number): readonly FileAttribute[] {
  const all: readonly (readonly [bit: number, name: FileAttribute])[] = [
    [attribute.readOnly, 'read-only'],
    [attribute.hidden, 'hidden'],
    [attribute.system, 'system'],
    [attribute.archive, 'archive'],
  ]
  return all.filter(([bit]) => (flags & bit) !== 0).map(([, name]) => name)
}

/** Times have no zone; they are taken for UTC. A date that does not exist is left out. */
function timeOf<Name extends 'modifiedAt' | 'createdAt' | 'accessedAt'>(
  name: Name,
  date: number,
  time: number,
  hundredths: number,
): Partial<Record<Name, Date>> {
  const month = (date >> 5) & 0xf
  const day = date & 0x1f
  if (month < 1 || month > 12 || day < 1 || hundredths > 199) return {}
  const whole = Date.UTC(1980 + (date >> 9), month - 1, day, time >> 11, (time >> 5) & 0x3f, (time & 0x1f) * 2)
  const found: Partial<Record<Name, Date>> = {}
  found[name] = new Date(whole + hundredths * 10)
  return found
}
