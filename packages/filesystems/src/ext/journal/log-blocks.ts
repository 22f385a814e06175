import { crc32c } from '../../bytes/crc32c.js'
import { type Fields, fields } from '../../bytes/fields.js'
import { type JournalSuperblock, journalMagic } from './journal-superblock.js'

/** A block of the log that says what others are. */
export interface LogBlock {
  readonly type: 'descriptor' | 'commit' | 'revoke'
  readonly sequence: number
  readonly raw: Fields
}

/** Tells of one block behind a descriptor where it belongs. */
export interface Tag {
  readonly block: number
  /** The block began with the journal's magic number, which was taken out of it. */
  readonly isEscaped: boolean
  readonly checksum: number
}

const headerBytes = 12
const sumBytes = 4
const uuidBytes = 16
const types: Readonly<Record<number, LogBlock['type']>> = { 1: 'descriptor', 2: 'commit', 5: 'revoke' }
const flags = { escaped: 1, sameUuid: 2, last: 8 }
const commitSumAt = 16

/** Reads the head of a block; undefined for one that is none of the log, which is where the log ends. */
export function parseLogBlock(bytes: Uint8Array, journal: JournalSuperblock): LogBlock | undefined {
  const raw = fields(bytes, 'big', 'a block of the journal')
  const type = types[raw.u32(4)]
  if (raw.u32(0) !== journalMagic || type === undefined) return undefined
  if (journal.checksums !== undefined) {
    const at = type === 'commit' ? commitSumAt : bytes.byteLength - sumBytes
    const copy = new Uint8Array(bytes)
    copy.fill(0, at, at + sumBytes)
    if (crc32c(journal.checksums.seed, copy) !== raw.u32(at)) return undefined
  }
  return { type, sequence: raw.u32(8), raw }
}

/** Lists the tags of a descriptor. */
export function tagsOf({ raw }: LogBlock, journal: JournalSuperblock): readonly Tag[] {
  const { isWide, checksums } = journal
  const version = checksums?.version
  const tagBytes = version === 3 ? 16 : 8 + (version === 2 ? 2 : 0) + (isWide ? 4 : 0)
  const end = raw.bytes.byteLength - (checksums === undefined ? 0 : sumBytes)
  const tags: Tag[] = []
  for (let at = headerBytes; at + tagBytes <= end; ) {
    const bits = version === 3 ? raw.u32(at + 4) : raw.u16(at + 6)
    tags.push({
      block: raw.u32(at) + (isWide ? raw.u32(at + 8) * 2 ** 32 : 0),
      isEscaped: (bits & flags.escaped) !== 0,
      checksum: version === 3 ? raw.u32(at + 12) : raw.u16(at + 4),
    })
    if ((bits & flags.last) !== 0) break
    at += tagBytes + ((bits & flags.sameUuid) === 0 ? uuidBytes : 0)
  }
  return tags
}

/** Lists the blocks that a revoke block names. */
export function revokedBlocks({ raw }: LogBlock, { isWide }: JournalSuperblock): readonly number[] {
  const used = Math.min(raw.u32(headerBytes), raw.bytes.byteLength)
  const blocks: number[] = []
  const width = isWide ? 8 : 4
  for (let at = headerBytes + 4; at + width <= used; at += width)
    blocks.push(isWide ? raw.u32(at) * 2 ** 32 + raw.u32(at + 4) : raw.u32(at))
  return blocks
}
