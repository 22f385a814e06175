import { isBackupError } from '@holdfast/core'
import { memberHead } from '@holdfast/formats/tar'
import type { BlockWritten, TapeDrive } from '../drive/tape-drive.js'
import { archiveBuilder, endInstead, type LaidMember } from '../layout/archive-builder.js'
import { blockBytes } from '../layout/block.js'
import type { CatalogObject } from '../layout/catalog.js'
import { objectHead } from '../layout/object-member.js'
import { encodePlace, placeName, type TapePlace } from '../layout/place.js'
import type { HeldObject } from './held-object.js'

/** What became of an object. */
export type WrittenObject =
  | { readonly kind: 'stored'; readonly object: CatalogObject; readonly isNearEnd: boolean }
  /** The medium ended within it: it was taken back, and the tape file ended before it. */
  | { readonly kind: 'no-room' }

/** A tape file that is being written. Calls come one at a time; after one that failed nothing is known of it. */
export interface ArchiveWriter {
  readonly place: TapePlace
  readonly sizeBytes: () => number
  /** Writes an object whole, or nothing of it. */
  readonly write: (object: HeldObject) => Promise<WrittenObject>
  /** Writes a member that is no object. @throws BackupError `E_TARGET_FULL` */
  readonly note: (name: string, content: Uint8Array, at: Date) => Promise<BlockWritten>
  /** Ends the file: with the filemark all that was written before is on the tape. */
  readonly end: () => Promise<BlockWritten>
}

/** How to begin a tape file. */
export interface ArchiveOptions {
  readonly signal: AbortSignal
  /** It can be written once: what is on it cannot be taken back. */
  readonly isWorm: boolean
}

/** Begins a tape file where the head is, with the member that says which one it is. Spec: "Objects". */
export async function beginArchive(
  drive: TapeDrive,
  place: TapePlace,
  at: Date,
  options: ArchiveOptions,
): Promise<ArchiveWriter> {
  const { isWorm, ...call } = options
  const archive = archiveBuilder()
  const writeBlocks = async (blocks: Iterable<Uint8Array>): Promise<BlockWritten> => {
    let isNearEnd = false
    for (const block of blocks) isNearEnd = (await drive.write(block, call)).isNearEnd || isNearEnd
    return { isNearEnd }
  }
  const takeBack = async (laid: LaidMember, writtenBlocks: number): Promise<void> => {
    const block = isWorm ? writtenBlocks : Math.floor(laid.headOffset / blockBytes)
    await drive.seek({ file: place.file, block }, call)
    if (!isWorm) await writeBlocks(endInstead(laid))
    await drive.endFile(call)
  }
  const note: ArchiveWriter['note'] = (name, content, modifiedAt) => {
    const head = memberHead({ name, sizeBytes: content.length, modifiedAt, mode: 0o444 })
    return writeBlocks(archive.add(head, content).blocks)
  }
  await note(placeName(place), new TextEncoder().encode(encodePlace(place)), at)
  return {
    place,
    sizeBytes: archive.sizeBytes,
    note,
    write: async ({ facts, content }) => {
      const laid = archive.add(objectHead(facts), content)
      let written = Math.floor(laid.headOffset / blockBytes)
      let isNearEnd = false
      try {
        for (const block of laid.blocks) {
          isNearEnd = (await drive.write(block, call)).isNearEnd || isNearEnd
          written += 1
        }
      } catch (error) {
        if (!isBackupError(error) || error.code !== 'E_TARGET_FULL') throw error
        await takeBack(laid, written)
        return { kind: 'no-room' }
      }
      return { kind: 'stored', object: { ...facts, file: place.file, offset: laid.contentOffset }, isNearEnd }
    },
    end: async () => {
      const { isNearEnd } = await writeBlocks(archive.end())
      const mark = await drive.endFile(call)
      return { isNearEnd: isNearEnd || mark.isNearEnd }
    },
  }
}
