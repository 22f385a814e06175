import { type CallOptions, isBackupError } from '@holdfast/core'
import type { KnownCartridge, KnownObject } from '../catalog/known.js'
import type { TapeCatalog } from '../catalog/tape-catalog.js'
import { tapeError } from '../drive/drive-errors.js'
import type { TapeDrive } from '../drive/tape-drive.js'
import { blockBytes } from '../layout/block.js'
import type { MountedCartridge, TapeLibrary } from '../library/tape-library.js'
import { readLabel } from '../media/cartridge-label.js'
import { noteLabel } from '../media/note-label.js'

/** Reads objects off cartridges. Calls come one at a time. */
export interface SetReader {
  /** Yields a range of an object; each part is valid until the next is asked for. */
  readonly read: (
    object: KnownObject,
    offset: number,
    length: number,
    options: CallOptions,
  ) => AsyncGenerator<Uint8Array>
  /** Lets others have the drive. */
  readonly letGo: () => Promise<void>
}

/** What a reader needs. */
export interface ReaderSite {
  readonly library: TapeLibrary
  readonly catalog: TapeCatalog
}

/** So many blocks are read rather than skipped: less than what a drive takes to stop and start again. */
const readThroughBlocks = 32

interface LoadedCartridge {
  readonly cartridge: string
  readonly mounted: MountedCartridge
  /** The block that was read last: the next object may begin in it. */
  block: { readonly file: number; readonly number: number; readonly bytes: Uint8Array } | undefined
}

/** Makes a reader; it keeps the cartridge of the last object in its drive. */
export function setReader({ library, catalog }: ReaderSite): SetReader {
  let loaded: LoadedCartridge | undefined

  const letGo = async (): Promise<void> => {
    const left = loaded
    loaded = undefined
    await left?.mounted[Symbol.asyncDispose]()
  }

  const load = async (object: KnownObject, options: CallOptions): Promise<LoadedCartridge> => {
    if (loaded?.cartridge === object.cartridge) return loaded
    await letGo()
    const known = catalog.cartridge(object.cartridge)
    const mounted = await mountKnown(library, catalog, known, object, options)
    loaded = { cartridge: object.cartridge, mounted, block: undefined }
    return loaded
  }

  /** The bytes of a block, valid until the next call. */
  const blockAt = async (
    tape: LoadedCartridge,
    file: number,
    number: number,
    { key }: KnownObject,
    options: CallOptions,
  ): Promise<Uint8Array> => {
    const { block } = tape
    if (block?.file === file && block.number === number) return block.bytes
    const { drive } = tape.mounted
    const bytes = block?.bytes ?? new Uint8Array(2 * blockBytes)
    tape.block = undefined
    const spot = drive.spot()
    const gap = spot?.file === file ? number - spot.block : -1
    if (gap > 0 && gap <= readThroughBlocks) await readOver(drive, bytes, gap, options)
    await drive.seek({ file, block: number }, options)
    const read = await drive.read(bytes, options)
    if (read.kind !== 'block' || read.bytes !== blockBytes) throw damagedObject(tape.mounted.barcode, key, file)
    tape.block = { file, number, bytes }
    return bytes
  }

  return {
    letGo,
    read: async function* (object, offset, length, options) {
      const tape = await load(object, options)
      try {
        let at = object.offset + offset
        const end = at + length
        while (at < end) {
          const number = Math.floor(at / blockBytes)
          const bytes = await blockAt(tape, object.file, number, object, options)
          const from = at - number * blockBytes
          const part = bytes.subarray(from, Math.min(blockBytes, from + end - at))
          at += part.length
          yield part
        }
      } catch (error) {
        // Whatever happened to drive or cartridge: the next read begins anew.
        await letGo()
        throw named(error, object.key, tape.mounted.barcode)
      }
    },
  }
}

/** Goes over blocks by reading them. What is wrong with them is none of the business of who wants the next. */
async function readOver(drive: TapeDrive, scrap: Uint8Array, blocks: number, options: CallOptions): Promise<void> {
  try {
    for (let left = blocks; left > 0; left--) await drive.read(scrap, options)
  } catch (error) {
    if (!isBackupError(error) || error.code !== 'E_DAMAGED') throw error
  }
}

/** Drives know nothing of objects, and little of cartridges. */
function named(error: unknown, key: string, barcode: string): unknown {
  if (!isBackupError(error) || (!error.code.startsWith('E_TARGET_') && error.code !== 'E_DAMAGED')) return error
  if (error.context?.['object'] !== undefined) return error
  const { code, message, operation, context, retry, hint } = error
  return tapeError(code, `${key} on ${barcode}: ${message}`, {
    operation: operation ?? 'target.get',
    context: { ...context, object: key, barcode },
    retry,
    ...(hint !== undefined && { hint }),
    cause: error,
  })
}

/** Puts a cartridge into a drive, and makes sure that it is the one that it should be. */
async function mountKnown(
  library: TapeLibrary,
  catalog: TapeCatalog,
  known: KnownCartridge | undefined,
  { key }: KnownObject,
  options: CallOptions,
): Promise<MountedCartridge> {
  const barcode = known === undefined ? undefined : catalog.barcodeOf(known)
  if (known === undefined || barcode === undefined) {
    throw tapeError('E_MEDIA_NEEDED', `${key} is on a cartridge that has no barcode.`, { operation: 'target.get' })
  }
  const mounted = await mountOrSayWhere(library, catalog, barcode, options)
  try {
    const found = await readLabel(mounted.drive, options)
    if (found.kind === 'label' && found.label.cartridge === known.label.cartridge) return mounted
    noteLabel(catalog, barcode, found)
    throw tapeError('E_MEDIA_FOREIGN', `${barcode} is not the cartridge that it was: it ${describe(found)}.`, {
      operation: 'target.get',
      context: { barcode, cartridge: known.label.cartridge },
      hint: `Find the cartridge whose label says ${known.label.cartridge}, or run 'holdfast tape catalog --rebuild'.`,
    })
  } catch (error) {
    await mounted[Symbol.asyncDispose]()
    throw error
  }
}

async function mountOrSayWhere(
  library: TapeLibrary,
  catalog: TapeCatalog,
  barcode: string,
  options: CallOptions,
): Promise<MountedCartridge> {
  const places = await library.places(options)
  if (places.some((place) => place.barcode === barcode)) return await library.mount(barcode, options)
  const location = catalog.medium(barcode)?.location
  const where = location === undefined ? '' : `; it was taken to '${location}'`
  throw tapeError('E_MEDIA_NEEDED', `Cartridge ${barcode} is not in ${library.name}${where}.`, {
    operation: 'target.get',
    context: { barcode, ...(location !== undefined && { location }) },
    hint: `Put it in, say 'holdfast tape recall ${barcode}', and run again.`,
  })
}

function describe(found: Awaited<ReturnType<typeof readLabel>>): string {
  if (found.kind === 'label') return `has the label of cartridge ${found.label.cartridge} of pool ${found.label.pool}`
  return found.kind === 'blank' ? 'is blank' : 'has no label of ours'
}

function damagedObject(barcode: string, key: string, file: number): Error {
  return tapeError('E_DAMAGED', `${key} is damaged: the tape of ${barcode} ends within it, or has other blocks.`, {
    operation: 'target.get',
    context: { object: key, barcode, file },
    hint: "Restore from another copy; 'holdfast verify' tells which points need it.",
  })
}
