import { crc32c } from '../../bytes/crc32c.js'
import { fields } from '../../bytes/fields.js'
import { damaged, unsupported } from '../../filesystem-error.js'

/** What the first block of a journal says (jbd2, all numbers big-endian). */
export interface JournalSuperblock {
  readonly blockBytes: number
  /** First block of the log itself, and the one behind its last. */
  readonly firstBlock: number
  readonly endBlock: number
  /** Block and sequence number where the log begins that must be replayed; block 0 for an empty log. */
  readonly startBlock: number
  readonly startSequence: number
  /** Block numbers of 64 bits. */
  readonly isWide: boolean
  /** Which form checksums have; absent for none. */
  readonly checksums?: { readonly version: 2 | 3; readonly seed: number }
  /** Block where fast commits begin, when they are in use. */
  readonly fastCommitBlock?: number
}

export const journalMagic = 0xc03b_3998
export const superblockBytes = 1024
const incompatible = { revoke: 0x1, wide: 0x2, asyncCommit: 0x4, checksums2: 0x8, checksums3: 0x10, fastCommit: 0x20 }
const known = Object.values(incompatible).reduce((all, bit) => all | bit, 0)
const defaultFastCommitBlocks = 256

/** Checks the first block of a journal of `journalBlocks`. @throws FilesystemError `damaged`, `unsupported` */
export function parseJournalSuperblock(bytes: Uint8Array, journalBlocks: number): JournalSuperblock {
  const raw = fields(bytes, 'big', 'the superblock of the journal')
  const type = raw.u32(4)
  if (raw.u32(0) !== journalMagic || (type !== 3 && type !== 4)) throw damaged('the journal has no superblock')
  const features = type === 4 ? raw.u32(0x28) : 0
  const has = (bit: number) => (features & bit) !== 0
  if ((features & ~known) !== 0)
    throw unsupported(
      `the journal uses the features 0x${((features & ~known) >>> 0).toString(16)}, which are not known`,
    )
  const summed = has(incompatible.checksums2) || has(incompatible.checksums3)
  if (summed) {
    const copy = new Uint8Array(bytes.subarray(0, superblockBytes))
    copy.fill(0, 0xfc, 0x100)
    if (crc32c(0xffff_ffff, copy) !== raw.u32(0xfc))
      throw damaged('the checksum of the superblock of the journal is wrong')
  }
  const fastBlocks = has(incompatible.fastCommit) ? raw.u32(0x54) || defaultFastCommitBlocks : 0
  const endBlock = raw.u32(0x10) - fastBlocks
  const firstBlock = raw.u32(0x14)
  const startBlock = raw.u32(0x1c)
  const startIsWithin = startBlock === 0 || (startBlock >= firstBlock && startBlock < endBlock)
  if (raw.u32(0x10) > journalBlocks || firstBlock === 0 || firstBlock >= endBlock || !startIsWithin)
    throw damaged('the superblock of the journal says that the log is not within it')
  return {
    blockBytes: raw.u32(0xc),
    firstBlock,
    endBlock,
    startBlock,
    startSequence: raw.u32(0x18),
    isWide: has(incompatible.wide),
    ...(summed && {
      checksums: { version: has(incompatible.checksums3) ? 3 : 2, seed: crc32c(0xffff_ffff, raw.slice(0x30, 16)) },
    }),
    ...(fastBlocks > 0 && { fastCommitBlock: endBlock }),
  }
}
