import { type CallOptions, type Clock, isBackupError, type Logger } from '@holdfast/core'
import { catchUp } from '../catalog/catch-up.js'
import type { KnownSet } from '../catalog/known.js'
import type { LookupCache } from '../catalog/lookup-cache.js'
import type { TapeCatalog } from '../catalog/tape-catalog.js'
import { tapeError } from '../drive/drive-errors.js'
import type { CartridgeLabel } from '../layout/label.js'
import type { MountedCartridge, TapeLibrary } from '../library/tape-library.js'
import { type FoundLabel, readLabel, writeLabel } from '../media/cartridge-label.js'
import { noteLabel } from '../media/note-label.js'
import type { AskForMedia } from './ask-for-media.js'
import { candidates } from './candidates.js'

/** A cartridge that is ready to be written to, with the head behind the last whole tape file. */
export interface OpenCartridge {
  readonly mounted: MountedCartridge
  readonly label: CartridgeLabel
  readonly nextFile: number
}

/** Finds cartridges to write to. */
export interface CartridgeSupply {
  /** Goes on with the last cartridge of a set; `undefined` when that cannot be, so that another must follow. */
  readonly resume: (set: KnownSet, options: CallOptions) => Promise<OpenCartridge | undefined>
  /**
   * Labels another cartridge for a set.
   *
   * Guarantee: nothing is written over but what is blank, labelled and empty, or expired.
   * @throws BackupError `E_MEDIA_NEEDED` when there is none, and nobody brings one in time
   */
  readonly begin: (set: KnownSet, options: BeginOptions) => Promise<OpenCartridge>
}

/** How to look for another cartridge. */
export interface BeginOptions extends CallOptions {
  /** Those that turned out to be of no use. */
  readonly except: ReadonlySet<string>
  /** Fail at once when there is none. */
  readonly isHurried?: boolean
}

/** What finding cartridges needs. */
export interface SupplySite {
  readonly library: TapeLibrary
  readonly catalog: TapeCatalog
  readonly cache: LookupCache
  readonly pool: string
  /** Barcodes of cartridges without a label that the pool may take. */
  readonly mayTake: (barcode: string) => boolean
  readonly askForMedia: AskForMedia
  readonly randomId: () => string
  readonly clock: Clock
  readonly logger: Logger
}

/** Makes a supply out of what is in a library. */
export function cartridgeSupply(site: SupplySite): CartridgeSupply {
  const { library, catalog, cache, pool, mayTake, clock, logger } = site

  /** Labels a cartridge that is in a drive, if it may be written over. */
  const take = async (
    mounted: MountedCartridge,
    set: KnownSet,
    options: CallOptions,
  ): Promise<OpenCartridge | undefined> => {
    const { barcode, drive, medium } = mounted
    const found = await readLabel(drive, options)
    noteLabel(catalog, barcode, found)
    const refusal = medium.isWriteProtected ? 'it is write-protected' : whyNot(found, set, medium.isWorm === true)
    if (refusal !== undefined) {
      logger.info(`${barcode} is not used: ${refusal}.`, { barcode })
      return undefined
    }
    if (found.kind === 'label') {
      const expired = found.label.set?.id
      if (expired !== undefined) {
        logger.warn(`${barcode} is written over: what it held has expired.`, { barcode, set: expired })
        catalog.dropSet(expired)
      }
      catalog.dropCartridge(found.label.cartridge)
    }
    const previous = catalog.cartridgesOf(set.id).at(-1)?.label
    const label: CartridgeLabel = {
      cartridge: site.randomId(),
      barcode,
      pool,
      set: {
        id: set.id,
        sequence: (previous?.set?.sequence ?? 0) + 1,
        previous: previous?.cartridge,
        keepUntil: set.keepUntil,
      },
      writtenAt: clock.now(),
    }
    await writeLabel(drive, label, options)
    catalog.keepSet(set)
    catalog.addCartridge({ label, files: 1, isFull: false, usedBytes: 0 })
    catalog.noteMedium({ barcode, state: 'labelled', cartridge: label.cartridge })
    await drive.seek({ file: 1, block: 0 }, options)
    return { mounted, label, nextFile: 1 }
  }

  const whyNot = (found: FoundLabel, own: KnownSet, isWorm: boolean): string | undefined => {
    if (found.kind === 'blank') return undefined
    if (isWorm) return 'it can be written once, and was'
    if (found.kind !== 'label') return 'it holds something else'
    if (found.label.pool !== pool) return `it is of pool ${found.label.pool}`
    const { set } = found.label
    if (set === undefined) return undefined
    if (set.id === own.id) return 'it is one of those that are being written'
    if (catalog.isExpired(set.id, clock.now())) return undefined
    const isOver = set.keepUntil !== undefined && set.keepUntil <= clock.now()
    return isOver
      ? 'nobody knows here whether what it holds is kept for longer than its label says'
      : 'what it holds is kept'
  }

  const tryOne = async (barcode: string, set: KnownSet, options: CallOptions): Promise<OpenCartridge | undefined> => {
    let mounted: MountedCartridge | undefined
    let opened: OpenCartridge | undefined
    try {
      mounted = await library.mount(barcode, options)
      opened = await take(mounted, set, options)
    } catch (error) {
      if (!isOfCartridge(error)) throw error
      logger.warn(`${barcode} cannot be used: ${error.message}`, { barcode })
    } finally {
      if (opened === undefined) await mounted?.[Symbol.asyncDispose]()
    }
    return opened
  }

  return {
    resume: async (set, options) => {
      const last = catalog.cartridgesOf(set.id).at(-1)
      const barcode = last === undefined ? undefined : catalog.barcodeOf(last)
      if (last === undefined || barcode === undefined || last.isFull) return undefined
      const places = await library.places(options)
      if (!places.some((place) => place.barcode === barcode)) return undefined
      const mounted = await library.mount(barcode, options)
      let opened: OpenCartridge | undefined
      try {
        const found = await readLabel(mounted.drive, options)
        if (found.kind !== 'label' || found.label.cartridge !== last.label.cartridge) {
          logger.warn(`${barcode} is not the cartridge that it was: writing goes on with another.`, { barcode })
          noteLabel(catalog, barcode, found)
          return undefined
        }
        if (mounted.medium.isWriteProtected) return undefined
        const end = await catchUp({ catalog, cache, drive: mounted.drive }, last, options)
        if (end.kind === 'damaged') {
          logger.warn(`${barcode} is not written to any more: ${end.problem}.`, { barcode })
          catalog.markFull(last.label.cartridge)
          return undefined
        }
        const nextFile = catalog.cartridge(last.label.cartridge)?.files ?? last.files
        await mounted.drive.seek({ file: nextFile, block: 0 }, options)
        opened = { mounted, label: last.label, nextFile }
        return opened
      } catch (error) {
        if (!isBackupError(error) || error.code !== 'E_DAMAGED') throw error
        logger.warn(`${barcode} is not written to any more: ${error.message}`, { barcode })
        catalog.markFull(last.label.cartridge)
        return undefined
      } finally {
        if (opened === undefined) await mounted[Symbol.asyncDispose]()
      }
    },
    begin: async (set, options) => {
      const { except, isHurried = false } = options
      const isExcepted = new Set(except)
      const asking = site.askForMedia(pool)
      for (;;) {
        const places = await library.places(options)
        const now = clock.now()
        for (const barcode of candidates({ places, catalog, pool, mayTake, now })) {
          if (isExcepted.has(barcode)) continue
          isExcepted.add(barcode)
          const opened = await tryOne(barcode, set, options)
          if (opened !== undefined) return opened
        }
        // Whoever brings a cartridge may have changed the one that was of no use.
        const isBrought = !isHurried && (await asking.wait(options))
        if (!isBrought) throw noCartridge(library.name, pool)
        for (const barcode of isExcepted) if (!except.has(barcode)) isExcepted.delete(barcode)
      }
    },
  }
}

/** Not of the drive, nor of the way to it: another cartridge may do. */
function isOfCartridge(error: unknown): error is Error {
  return (
    isBackupError(error) && ['E_TARGET_READ_ONLY', 'E_DAMAGED', 'E_TARGET_IO', 'E_TARGET_FULL'].includes(error.code)
  )
}

function noCartridge(library: string, pool: string): Error {
  return tapeError('E_MEDIA_NEEDED', `${library} has no cartridge that pool ${pool} may write to.`, {
    operation: 'target.put',
    context: { pool },
    hint: "Put a blank cartridge in, or one of the pool that has expired; 'holdfast tape inventory' shows what is there.",
  })
}
