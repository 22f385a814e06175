import { fields } from '../../bytes/fields.js'
import type { ByteSource, CallOptions, OpenFile } from '../../filesystem.js'
import { damaged, isFilesystemError } from '../../filesystem-error.js'
import { openContent } from '../content.js'
import type { ExtVolume } from '../ext-volume.js'
import { type JournalSuperblock, parseJournalSuperblock, superblockBytes } from './journal-superblock.js'
import { overlaySource } from './overlay-source.js'
import { readLog } from './read-log.js'

/** A volume as it is once its journal is replayed, or as it is, and what is worth knowing about that. */
export interface Replayed {
  readonly source: ByteSource
  readonly note: string
}

const wasInUse = 'The file system was in use'
const latest = 'its latest changes may be missing'
const fastCommitHead = 9

/**
 * Replays the journal of a file system in memory. Where the journal cannot be read, the volume stays as it is, with a note.
 *
 * @throws FilesystemError `read`
 */
export async function replayJournal(source: ByteSource, volume: ExtVolume, options: CallOptions): Promise<Replayed> {
  try {
    const { journalInode, blockBytes } = volume.superblock
    if (journalInode === 0) return { source, note: `${wasInUse}, and its journal is on another device: ${latest}.` }
    const file = openContent(volume, await volume.inode(journalInode, options))
    const head = new Uint8Array(superblockBytes)
    await file.read(0, head, options)
    const journal = parseJournalSuperblock(head, Math.floor(file.sizeBytes / blockBytes))
    if (journal.blockBytes !== blockBytes) throw damaged(`the journal has blocks of ${journal.blockBytes} bytes`)
    const log = await readLog(journal, file, options)
    const isMissing = await hasFastCommits(journal, file, log.endSequence, options)
    const note = `${wasInUse}; its journal was replayed in memory (${log.blocks.size} blocks).`
    return {
      source: overlaySource(source, journal, file, log),
      note: isMissing ? `${note} Fast commits were not: ${latest}.` : note,
    }
  } catch (error) {
    if (!isFilesystemError(error) || error.code === 'read') throw error
    return { source, note: `${wasInUse}, and its journal cannot be replayed (${error.message}): ${latest}.` }
  }
}

/** Tells whether small changes follow the last full transaction. Kernel: fs/ext4/fast_commit.h. */
async function hasFastCommits(
  { fastCommitBlock, blockBytes }: JournalSuperblock,
  file: OpenFile,
  sequence: number,
  options: CallOptions,
): Promise<boolean> {
  if (fastCommitBlock === undefined) return false
  const bytes = new Uint8Array(12)
  await file.read(fastCommitBlock * blockBytes, bytes, options)
  const raw = fields(bytes, 'little', 'a fast commit')
  return raw.u16(0) === fastCommitHead && raw.u32(8) === sequence
}
