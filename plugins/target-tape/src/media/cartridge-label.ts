import { type CallOptions, isBackupError } from '@holdfast/core'
import { memberHead } from '@holdfast/formats/tar'
import { tapeError } from '../drive/drive-errors.js'
import type { TapeDrive } from '../drive/tape-drive.js'
import { archiveBuilder } from '../layout/archive-builder.js'
import {
  type CartridgeLabel,
  decodeLabel,
  encodeLabel,
  labelName,
  maxLabelBytes,
  type ReadLabel,
} from '../layout/label.js'
import { type FoundMember, NoArchiveError, readArchive } from '../layout/read-archive.js'
import { mostBlockBytes, type TapeFile, tapeFile } from './tape-file.js'

/** What is at the beginning of a cartridge. */
export type FoundLabel =
  | ReadLabel
  /** Nothing was ever written to it, or it was erased, or a label was begun and not finished. */
  | { readonly kind: 'blank' }
  /** Somebody else's: it must not be written to unless somebody says so for this very cartridge. */
  | { readonly kind: 'foreign'; readonly problem: string }

/**
 * Reads the label of the cartridge in a drive. Spec: "Label".
 *
 * Guarantee: whatever is on it, the answer is one of the above; only the drive itself can fail.
 */
export async function readLabel(drive: TapeDrive, options: CallOptions): Promise<FoundLabel> {
  await drive.seek({ file: 0, block: 0 }, options)
  const file = tapeFile(drive, options)
  try {
    for await (const member of readArchive(file)) {
      if (member.name !== labelName || member.sizeBytes > maxLabelBytes)
        return { kind: 'foreign', problem: 'it is a tar archive, and no label comes first' }
      const read = decodeLabel(await textOf(member))
      return read.kind === 'label' && (await isUnfinished(file)) ? { kind: 'blank' } : read
    }
  } catch (error) {
    if (error instanceof NoArchiveError) return { kind: 'foreign', problem: error.message }
    throw error
  }
  // Drives that cannot erase are made to write a filemark at the beginning.
  const isErased = file.blocks() === 0 && file.endedBy() === 'filemark' && (await isOver(drive, options))
  return file.isBlank() || isErased ? { kind: 'blank' } : { kind: 'foreign', problem: 'there is no label' }
}

/**
 * Writes a label over all that a cartridge holds, and reads it back.
 *
 * Called by those who know that nobody wants what is on it.
 * @throws BackupError `E_TARGET_READ_ONLY`, `E_TARGET_IO` when what was written is not what is read
 */
export async function writeLabel(drive: TapeDrive, label: CartridgeLabel, options: CallOptions): Promise<void> {
  const bytes = new TextEncoder().encode(encodeLabel(label))
  const archive = archiveBuilder()
  const head = memberHead({ name: labelName, sizeBytes: bytes.length, modifiedAt: label.writtenAt, mode: 0o444 })
  await drive.seek({ file: 0, block: 0 }, options)
  for (const block of archive.add(head, bytes).blocks) await drive.write(block, options)
  for (const block of archive.end()) await drive.write(block, options)
  await drive.endFile(options)
  const found = await readLabel(drive, options)
  if (found.kind === 'label' && found.label.cartridge === label.cartridge) return
  throw tapeError('E_TARGET_IO', `${drive.name} wrote a label, and reads something else.`, {
    operation: 'target.label',
    context: { device: drive.name, ...(label.barcode !== undefined && { barcode: label.barcode }) },
    hint: 'Clean the drive; if it happens again, retire the cartridge.',
  })
}

/** Whoever wrote the label did not come to write its filemark: nothing can have been stored behind it. */
async function isUnfinished(file: TapeFile): Promise<boolean> {
  try {
    return (await file.next()) === undefined && file.endedBy() === 'end-of-data'
  } catch (error) {
    if (isBackupError(error) && error.code === 'E_DAMAGED') return false
    if (error instanceof NoArchiveError) return false
    throw error
  }
}

async function isOver(drive: TapeDrive, options: CallOptions): Promise<boolean> {
  const { kind } = await drive.read(new Uint8Array(mostBlockBytes), options)
  return kind === 'end-of-data'
}

async function textOf(member: FoundMember): Promise<string> {
  const parts: Uint8Array[] = []
  for await (const part of member.content()) parts.push(part.slice())
  return new TextDecoder().decode(Buffer.concat(parts))
}
