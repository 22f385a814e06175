import { crc32c, crc32cOfNumber } from '../../bytes/crc32c.js'
import type { ByteSource, CallOptions, OpenFile } from '../../filesystem.js'
import { damaged } from '../../filesystem-error.js'
import { type JournalSuperblock, journalMagic } from './journal-superblock.js'
import type { Log, LoggedBlock } from './read-log.js'

/**
 * Lays the blocks of a log over a volume, as replaying the journal would write them; the volume stays as it is.
 *
 * A logged block is read and its checksum checked when somebody asks for it. @throws FilesystemError `damaged`
 */
export function overlaySource(source: ByteSource, journal: JournalSuperblock, file: OpenFile, log: Log): ByteSource {
  const { blockBytes } = journal
  return {
    sizeBytes: source.sizeBytes,
    read: async (offset, into, options) => {
      await source.read(offset, into, options)
      const end = offset + into.byteLength
      for (let block = Math.floor(offset / blockBytes); block * blockBytes < end; block++) {
        const logged = log.blocks.get(block)
        if (logged === undefined) continue
        const start = block * blockBytes
        const bytes = await loggedBytes(journal, file, logged, options)
        const from = Math.max(offset, start)
        into.set(bytes.subarray(from - start, Math.min(end, start + blockBytes) - start), from - offset)
      }
    },
  }
}

async function loggedBytes(
  journal: JournalSuperblock,
  file: OpenFile,
  { journalBlock, isEscaped, checksum, sequence }: LoggedBlock,
  options: CallOptions,
): Promise<Uint8Array> {
  const bytes = new Uint8Array(journal.blockBytes)
  await file.read(journalBlock * journal.blockBytes, bytes, options)
  if (journal.checksums !== undefined) {
    const { version, seed } = journal.checksums
    const right = crc32c(crc32cOfNumber(seed, swapped(sequence)), bytes)
    if ((version === 3 ? right : right & 0xffff) !== checksum)
      throw damaged(`the checksum of block ${journalBlock} of the journal is wrong`)
  }
  if (isEscaped) new DataView(bytes.buffer).setUint32(0, journalMagic)
  return bytes
}

/** The same number in the other byte order: the journal sums its numbers as they are stored. */
function swapped(value: number): number {
  return ((value >>> 24) | ((value >>> 8) & 0xff00) | ((value & 0xff00) << 8) | (value << 24)) >>> 0
}
