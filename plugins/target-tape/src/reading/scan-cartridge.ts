import { createHash } from 'node:crypto'
import { type CallOptions, isBackupError } from '@holdfast/core'
import type { TapeDrive } from '../drive/tape-drive.js'
import { blockBytes } from '../layout/block.js'
import type { CatalogObject } from '../layout/catalog.js'
import type { CartridgeLabel } from '../layout/label.js'
import { objectFacts } from '../layout/object-member.js'
import { decodePlace, ownMember, type TapePlace } from '../layout/place.js'
import { type FoundMember, NoArchiveError, readArchive } from '../layout/read-archive.js'
import { tapeFile } from '../media/tape-file.js'

/** What is in a tape file. */
export interface ScannedFile {
  readonly number: number
  readonly endBytes: number
  readonly objects: readonly CatalogObject[]
}

/** What to do with what is met on the way. */
export interface ScanHandlers {
  /** Tells whether the content of a lookup object is wanted. */
  readonly wants: (object: CatalogObject) => Promise<boolean>
  /** Gets it, proved to be what its digest says. */
  readonly keep: (object: CatalogObject, content: Uint8Array) => Promise<void>
  /** Gets a catalog; without it catalogs are gone over. */
  readonly onCatalog?: (bytes: AsyncIterable<Uint8Array>) => Promise<void>
}

/** How the scan of a cartridge ended. */
export type ScanEnd =
  /** At the end of the data. `isCut`: behind the last filemark lies something that nobody finished. */
  | { readonly kind: 'end'; readonly isCut: boolean }
  /** Something on the way cannot be read, or is none of ours. */
  | { readonly kind: 'damaged'; readonly problem: string }

/**
 * Reads the heads of all tape files of a cartridge from one on: what no catalog says. Spec: "Catalog".
 *
 * Yields each file that a filemark ends, of a damaged one what lies before the damage; what lies behind the last filemark does not count.
 * @throws BackupError `E_TARGET_*` when it is the drive that fails
 */
export async function* scanCartridge(
  drive: TapeDrive,
  label: CartridgeLabel,
  from: number,
  handlers: ScanHandlers,
  options: CallOptions,
): AsyncGenerator<ScannedFile, ScanEnd> {
  let problem: string | undefined
  const begins = await drive.reaches(from, options).catch(damageOrThrow)
  if (begins !== true) return { kind: 'damaged', problem: `the tape ends before tape file ${from}` }
  for (let number = from; ; number++) {
    const objects: CatalogObject[] = []
    try {
      const scanned = await scanFile(drive, label, number, objects, handlers, options)
      if (scanned.kind === 'file') yield scanned.file
      else return problem === undefined ? scanned : { kind: 'damaged', problem }
    } catch (error) {
      options.signal.throwIfAborted()
      if (!isDamage(error)) throw error
      const reached = await drive.reaches(number + 1, options).catch(damageOrThrow)
      // What no filemark ends is what a killed writer left.
      if (reached === false && problem === undefined) return { kind: 'end', isCut: true }
      problem ??= error.message
      if (reached !== true) return { kind: 'damaged', problem }
      yield { number, endBytes: 0, objects }
    }
  }
}

function isDamage(error: unknown): error is Error {
  return error instanceof NoArchiveError || (isBackupError(error) && error.code === 'E_DAMAGED')
}

function damageOrThrow(error: unknown): undefined {
  if (!isDamage(error)) throw error
  return undefined
}

async function scanFile(
  drive: TapeDrive,
  label: CartridgeLabel,
  number: number,
  objects: CatalogObject[],
  { wants, keep, onCatalog }: ScanHandlers,
  options: CallOptions,
): Promise<ScanEnd | { readonly kind: 'file'; readonly file: ScannedFile }> {
  const file = tapeFile(drive, options)
  let isCatalog = false
  let isFirst = true
  for await (const member of readArchive(file)) {
    const own = ownMember(member.name)
    if (isFirst) {
      const place = own === 'place' ? decodePlace((await contentOf(member)).toString('utf8')) : undefined
      if (!isPlaceOf(place, label, number)) throw new NoArchiveError(`tape file ${number} is not of this cartridge`)
    }
    isFirst = false
    if (own === 'catalog') {
      isCatalog = true
      await onCatalog?.(member.content())
    }
    const facts = objectFacts(member.records)
    if (own !== undefined || facts === undefined) continue
    const { name: key, sizeBytes, contentOffset: offset, modifiedAt: storedAt } = member
    const object = { key, sizeBytes, ...facts, file: number, offset, storedAt }
    // What follows a catalog are copies.
    if (!isCatalog) objects.push(object)
    if (object.isLookup && (await wants(object))) {
      const content = await contentOf(member)
      if (createHash('sha256').update(content).digest('hex') === object.sha256) await keep(object, content)
    }
  }
  while ((await file.next()) !== undefined);
  if (file.endedBy() !== 'filemark') return { kind: 'end', isCut: !file.isBlank() }
  const endBytes = file.blocks() * blockBytes
  // An archive that was cut off, as on a medium that is written once, may end within its last member.
  const isWhole = ({ offset, sizeBytes }: CatalogObject) => offset + sizeBytes <= endBytes
  return { kind: 'file', file: { number, endBytes, objects: objects.filter(isWhole) } }
}

function isPlaceOf(place: TapePlace | undefined, label: CartridgeLabel, file: number): boolean {
  return place?.set === label.set?.id && place?.sequence === label.set?.sequence && place?.file === file
}

async function contentOf(member: FoundMember): Promise<Buffer> {
  const parts: Uint8Array[] = []
  for await (const part of member.content()) parts.push(part.slice())
  return Buffer.concat(parts)
}
