import { Buffer } from 'node:buffer'
import { type FileHandle, open, rename, rm } from 'node:fs/promises'
import { dirname } from 'node:path'
import { crc32 } from 'node:zlib'
import { BackupError } from '../contract/errors.js'
import type { BlockState } from './block-states.js'

/** Blocks that came into a state. */
export interface StateChange {
  readonly from: number
  readonly end: number
  readonly state: BlockState
}

/** The states of a kept overlay on disk: a line that says what it belongs to, then changes, only ever added. */
export interface OverlayJournal {
  /** Resolves when the changes are on stable storage. */
  readonly append: (changes: Iterable<StateChange>) => Promise<void>
  readonly close: () => Promise<void>
}

const states: readonly BlockState[] = ['below', 'data', 'zero']

/** First block, number of blocks, state, and a checksum of these. */
const recordBytes = 20

const maxOriginBytes = 4096

/**
 * Reads the changes of a journal in order, and makes none when there is no such file.
 *
 * What a crash left half written at the end is left out: nobody was told that it is stored.
 * @throws BackupError `E_PLACEMENT` for a journal of something else
 */
export async function readJournal(path: string, origin: string, use: (change: StateChange) => void): Promise<boolean> {
  await using file = await open(path).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return undefined
    throw error
  })
  if (file === undefined) return false
  const head = headOf(origin)
  const found = Buffer.alloc(head.length)
  await file.read(found, 0, found.length, 0)
  if (!found.equals(head)) {
    throw new BackupError('E_PLACEMENT', `${path} belongs to another disk or another recovery point.`, {
      hint: 'Choose another folder, or remove what it holds when nobody needs it.',
    })
  }
  const piece = Buffer.alloc(recordBytes * 4096)
  for (let at = head.length; ; ) {
    const { bytesRead } = await file.read(piece, 0, piece.length, at)
    const whole = bytesRead - (bytesRead % recordBytes)
    for (let record = 0; record < whole; record += recordBytes) {
      const change = decodeRecord(piece.subarray(record, record + recordBytes))
      if (change === undefined) return true
      use(change)
    }
    at += whole
    if (whole < piece.length) return true
  }
}

/** Makes a journal that holds these changes, in place of the one that may be there, and opens it. */
export async function writeJournal(
  path: string,
  origin: string,
  changes: Iterable<StateChange>,
): Promise<OverlayJournal> {
  const temporary = `${path}.new`
  const file = await open(temporary, 'w', 0o600)
  try {
    const head = headOf(origin)
    await writeAll(file, head, 0)
    const journal = journalIn(file, head.length)
    await journal.append(changes)
    await rename(temporary, path)
    await syncFolder(dirname(path))
    return journal
  } catch (error) {
    await file.close()
    await rm(temporary, { force: true })
    throw error
  }
}

function journalIn(file: FileHandle, headBytes: number): OverlayJournal {
  let sizeBytes = headBytes
  return {
    append: async (changes) => {
      const records = Buffer.concat(Array.from(changes, encodeRecord))
      try {
        await writeAll(file, records, sizeBytes)
        await file.datasync()
      } catch (error) {
        // Half a record would hide all that follow. Should this fail, too, the next writes over it.
        await file.truncate(sizeBytes).catch(() => undefined)
        throw error
      }
      sizeBytes += records.length
    },
    close: () => file.close(),
  }
}

/** Writes all of some bytes at a place of a file. */
export async function writeAll(file: FileHandle, bytes: Uint8Array, at: number): Promise<void> {
  for (let done = 0; done < bytes.byteLength; ) {
    const { bytesWritten } = await file.write(bytes, done, bytes.byteLength - done, at + done)
    done += bytesWritten
  }
}

/** A new name lasts once its folder is stored; Windows has no way to ask for that. */
async function syncFolder(path: string): Promise<void> {
  if (process.platform === 'win32') return
  await using folder = await open(path)
  await folder.sync()
}

function headOf(origin: string): Buffer {
  const head = Buffer.from(`${JSON.stringify({ format: 'holdfast-overlay-1', origin })}\n`)
  if (head.length > maxOriginBytes) throw new BackupError('E_PLACEMENT', 'The name of the disk is too long.')
  return head
}

function encodeRecord({ from, end, state }: StateChange): Buffer {
  const record = Buffer.alloc(recordBytes)
  record.writeBigUInt64LE(BigInt(from), 0)
  record.writeUInt32LE(end - from, 8)
  record.writeUInt32LE(states.indexOf(state), 12)
  record.writeUInt32LE(crc32(record.subarray(0, recordBytes - 4)), recordBytes - 4)
  return record
}

function decodeRecord(record: Buffer): StateChange | undefined {
  if (crc32(record.subarray(0, recordBytes - 4)) !== record.readUInt32LE(recordBytes - 4)) return undefined
  const from = Number(record.readBigUInt64LE(0))
  const state = states[record.readUInt32LE(12)]
  return state === undefined ? undefined : { from, end: from + record.readUInt32LE(8), state }
}
