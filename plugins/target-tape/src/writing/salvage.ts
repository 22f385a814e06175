import { createHash } from 'node:crypto'
import { type CallOptions, isBackupError } from '@holdfast/core'
import { tarPadding } from '@holdfast/formats/tar'
import type { TapeDrive } from '../drive/tape-drive.js'
import { endInstead } from '../layout/archive-builder.js'
import { blockBytes } from '../layout/block.js'
import type { CatalogObject } from '../layout/catalog.js'
import type { CartridgeLabel } from '../layout/label.js'
import { NoArchiveError, readArchive } from '../layout/read-archive.js'
import type { TapeLibrary } from '../library/tape-library.js'
import { readLabel } from '../media/cartridge-label.js'
import { type TapeFile, tapeFile } from '../media/tape-file.js'

/** A tape file of which nobody knows how much is on the tape. */
export interface BrokenFile {
  readonly label: CartridgeLabel
  readonly barcode: string
  readonly file: number
  /** What it must hold. */
  readonly filed: readonly CatalogObject[]
}

/**
 * After a write that failed: reads back what a tape file should hold, and ends it right behind that. Spec: "Writing", 4.
 *
 * @returns how many of the objects are there, from the first on; `undefined` when the file cannot be ended: then nothing in it may be
 * counted on
 */
export async function salvage(
  library: TapeLibrary,
  broken: BrokenFile,
  options: CallOptions,
): Promise<number | undefined> {
  const { label, barcode, file, filed } = broken
  if (filed.length === 0) return 0
  try {
    await using mounted = await library.mount(barcode, options)
    const { drive } = mounted
    const found = await readLabel(drive, options)
    if (found.kind !== 'label' || found.label.cartridge !== label.cartridge) return undefined
    const kept = await readBack(drive, file, filed, options)
    if (kept === undefined) return 0
    const { count, before, block } = kept
    await drive.seek({ file, block }, options)
    let blocks = block
    for (const each of endInstead({ before })) {
      await drive.write(each, options)
      blocks += 1
    }
    await drive.endFile(options)
    return (await endsAt(drive, file, blocks, options)) ? count : undefined
  } catch (error) {
    options.signal.throwIfAborted()
    if (isBackupError(error)) return undefined
    throw error
  }
}

interface KeptObjects {
  readonly count: number
  /** The block in which the last of them ends, and what comes before its end there. */
  readonly block: number
  readonly before: Uint8Array
}

/** Reads objects up to one that is not as it should be; `undefined` when that is the first. */
async function readBack(
  drive: TapeDrive,
  file: number,
  filed: readonly CatalogObject[],
  options: CallOptions,
): Promise<KeptObjects | undefined> {
  let kept: KeptObjects | undefined
  try {
    await drive.seek({ file, block: 0 }, options)
    const source = remembering(tapeFile(drive, options))
    for await (const member of readArchive(source)) {
      const count = kept?.count ?? 0
      const next = filed[count]
      if (next === undefined) break
      if (member.name !== next.key) continue
      const hash = createHash('sha256')
      for await (const part of member.content()) hash.update(part)
      if (hash.digest('hex') !== next.sha256) break
      const end = next.offset + next.sizeBytes + tarPadding(next.sizeBytes)
      const block = Math.floor(end / blockBytes)
      kept = { count: count + 1, block, before: source.last().slice(0, end % blockBytes) }
    }
  } catch (error) {
    const isDamage = error instanceof NoArchiveError || (isBackupError(error) && error.code === 'E_DAMAGED')
    if (!isDamage) throw error
  }
  return kept
}

/** Some drives take filemarks for written that are not. */
async function endsAt(drive: TapeDrive, file: number, block: number, options: CallOptions): Promise<boolean> {
  await drive.seek({ file, block }, options)
  const { kind } = await drive.read(new Uint8Array(blockBytes), options)
  return kind === 'filemark'
}

function remembering(file: TapeFile): TapeFile & { readonly last: () => Uint8Array } {
  let last: Uint8Array = new Uint8Array(0)
  return {
    ...file,
    last: () => last,
    next: async () => {
      const block = await file.next()
      if (block !== undefined) last = block.slice()
      return block
    },
  }
}
