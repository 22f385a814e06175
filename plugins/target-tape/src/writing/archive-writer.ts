import { isBackupError } from '@holdfast/core'
import { memberHead } from '@holdfast/formats/tar'
import { tapeError } from '../drive/drive-errors.js'
import type { BlockWritten, TapeDrive } from '../drive/tape-drive.js'
import { archiveBuilder, blocksInMemory, endInstead, type LaidMember } from '../layout/archive-builder.js'
import { blockBytes } from '../layout/block.js'
import type { CatalogObject } from '../layout/catalog.js'
import { objectHead } from '../layout/object-member.js'
import { encodePlace, placeName, type TapePlace } from '../layout/place.js'
import type { HeldObject } from './held-object.js'

/** The medium ended: the tape file was ended before what did not fit, and nothing more goes into it. */
export interface CutShort {
  readonly kind: 'no-room'
  /** Objects that were written before, and are not in it: they ended in a block that had to make room. */
  readonly returned: readonly HeldObject[]
  /**
   * Offset in the file up to which all that was written is in it; 0 when there was no room even for an empty tape file, and what lies
   * there now has no filemark.
   */
  readonly endBytes: number
}

/** What became of an object. */
export type WrittenObject =
  | { readonly kind: 'stored'; readonly object: CatalogObject; readonly isNearEnd: boolean }
  | CutShort

/** What became of what is no object, or of the end of the file. */
export type WrittenBlocks = { readonly kind: 'written'; readonly isNearEnd: boolean } | CutShort

/** A tape file that is being written. Calls come one at a time; after one that failed nothing is known of it. */
export interface ArchiveWriter {
  readonly place: TapePlace
  readonly sizeBytes: () => number
  /** The last objects, of which it is not known that they are on the tape to their end. */
  readonly held: () => readonly HeldObject[]
  /** Writes an object whole, or nothing of it. */
  readonly write: (object: HeldObject) => Promise<WrittenObject>
  /** Writes a member that is no object. */
  readonly note: (name: string, content: Uint8Array, at: Date) => Promise<WrittenBlocks>
  /** Ends the file: with the filemark all that was written before is on the tape. */
  readonly end: () => Promise<WrittenBlocks>
}

/** How to begin a tape file. */
export interface ArchiveOptions {
  readonly signal: AbortSignal
  /** It can be written once: what is on it cannot be taken back. */
  readonly isWorm: boolean
}

/** Two blocks that may have to end an archive, and one in whose place the filemark comes. */
const roomToEndBlocks = 3

interface Member extends Pick<LaidMember, 'headOffset' | 'before'> {
  readonly endOffset: number
  readonly held: HeldObject
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
  let acceptedBlocks = 0
  /** Objects that may have to be taken back when there is no room to end the file: the last ones. */
  let takenBackFirst: Member[] = []
  let isAllHeld = true

  /** Lets go of objects that are on the tape so far before its head that the file can be ended behind them. */
  const releaseSafe = (): void => {
    const isOpen = ({ endOffset }: Member) => endOffset > (acceptedBlocks - roomToEndBlocks) * blockBytes
    const { true: open = [], false: safe = [] } = Object.groupBy(takenBackFirst, (member) => `${isOpen(member)}`)
    for (const { held } of safe) held.release()
    isAllHeld &&= safe.length === 0
    takenBackFirst = open
  }

  const writeBlocks = async (blocks: Iterable<Uint8Array>): Promise<boolean> => {
    let isNearEnd = false
    const underWay: Promise<BlockWritten>[] = []
    const settleFirst = async () => {
      const written = await underWay.shift()
      isNearEnd ||= written?.isNearEnd === true
      acceptedBlocks += 1
      if (takenBackFirst.length > 0) releaseSafe()
    }
    try {
      for (const block of blocks) {
        const written = drive.write(block, call)
        // When a later one fails before an earlier one, it is told in its turn.
        written.catch(() => undefined)
        underWay.push(written)
        if (underWay.length === Math.min(blocksInMemory, drive.writesAtOnce)) await settleFirst()
      }
      while (underWay.length > 0) await settleFirst()
    } catch (error) {
      await Promise.allSettled(underWay)
      throw error
    }
    return isNearEnd
  }

  /** Ends the file before a member. Tells whether there was room for that. */
  const isCutBefore = async ({ headOffset, before }: Pick<LaidMember, 'headOffset' | 'before'>): Promise<boolean> => {
    await drive.seek({ file: place.file, block: Math.floor(headOffset / blockBytes) }, call)
    try {
      for (const block of endInstead({ before })) await drive.write(block, call)
      await drive.endFile(call)
      return true
    } catch (error) {
      if (isFull(error)) return false
      throw error
    }
  }

  /** On a medium that is written once: all that is on it stays, and ends in the midst. Spec: "Writing", 5. */
  const endedWhereItIs = async (): Promise<CutShort> => {
    await drive.seek({ file: place.file, block: acceptedBlocks }, call)
    try {
      await drive.endFile(call)
    } catch (error) {
      throw isFull(error) ? cannotEnd(drive.name, error) : error
    }
    const isOff = ({ endOffset }: Member) => endOffset > acceptedBlocks * blockBytes
    const returned = takenBackFirst.filter(isOff).map(({ held }) => held)
    return { kind: 'no-room', returned, endBytes: acceptedBlocks * blockBytes }
  }

  const cutShort = async (before?: LaidMember): Promise<CutShort> => {
    if (isWorm) return await endedWhereItIs()
    const returned: HeldObject[] = []
    if (before !== undefined && (await isCutBefore(before)))
      return { kind: 'no-room', returned, endBytes: before.headOffset }
    for (const member of takenBackFirst.toReversed()) {
      returned.unshift(member.held)
      if (await isCutBefore(member)) return { kind: 'no-room', returned, endBytes: member.headOffset }
    }
    if (!isAllHeld) throw cannotEnd(drive.name)
    return { kind: 'no-room', returned, endBytes: 0 }
  }

  const orCutShort = async (work: () => Promise<boolean>, member?: LaidMember): Promise<WrittenBlocks> => {
    try {
      return { kind: 'written', isNearEnd: await work() }
    } catch (error) {
      if (!isFull(error)) throw error
      return await cutShort(member)
    }
  }

  const note: ArchiveWriter['note'] = async (name, content, modifiedAt) => {
    const head = memberHead({ name, sizeBytes: content.length, modifiedAt, mode: 0o444 })
    const laid = archive.add(head, content)
    return await orCutShort(() => writeBlocks(laid.blocks), laid)
  }

  await note(placeName(place), new TextEncoder().encode(encodePlace(place)), at)
  return {
    place,
    sizeBytes: archive.sizeBytes,
    held: () => takenBackFirst.map(({ held }) => held),
    note,
    write: async (held) => {
      const { facts, content } = held
      const { blocks, headOffset, contentOffset, before } = archive.add(objectHead(facts), content)
      const written = await orCutShort(() => writeBlocks(blocks), { blocks, headOffset, contentOffset, before })
      if (written.kind === 'no-room') return written
      takenBackFirst.push({ headOffset, before, endOffset: archive.sizeBytes(), held })
      releaseSafe()
      return {
        kind: 'stored',
        object: { ...facts, file: place.file, offset: contentOffset },
        isNearEnd: written.isNearEnd,
      }
    },
    end: () =>
      orCutShort(async () => {
        const isNearEnd = await writeBlocks(archive.end())
        const mark = await drive.endFile(call)
        for (const { held } of takenBackFirst) held.release()
        return isNearEnd || mark.isNearEnd
      }),
  }
}

function isFull(error: unknown): boolean {
  return isBackupError(error) && error.code === 'E_TARGET_FULL'
}

function cannotEnd(drive: string, cause?: unknown): Error {
  return tapeError('E_TARGET_IO', `${drive} has no room to end a tape file that it took blocks for.`, {
    operation: 'target.put',
    cause,
  })
}
