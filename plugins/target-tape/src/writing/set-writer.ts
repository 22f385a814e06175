import { type CallOptions, type Clock, isBackupError, type Logger } from '@holdfast/core'
import type { KnownSet } from '../catalog/known.js'
import type { LookupCache } from '../catalog/lookup-cache.js'
import type { TapeCatalog } from '../catalog/tape-catalog.js'
import { tapeError } from '../drive/drive-errors.js'
import type { CatalogObject } from '../layout/catalog.js'
import type { TapeLibrary } from '../library/tape-library.js'
import { type ArchiveWriter, beginArchive, type CutShort, type WrittenBlocks } from './archive-writer.js'
import type { CartridgeSupply, OpenCartridge } from './cartridge-supply.js'
import { writeClosing, writeEarlierCatalog } from './catalog-files.js'
import type { HeldObject } from './held-object.js'
import { room } from './room.js'
import { salvage } from './salvage.js'
import { tooLarge } from './too-large.js'
import { type WriteFigures, writeStatistics } from './write-statistics.js'

/** Puts objects on the cartridges of one set, in order. */
export interface SetWriter {
  /**
   * Waits until there is room for an object of that size, before anybody collects it: one is written, one waits.
   *
   * @throws BackupError what went wrong with an earlier one
   */
  readonly reserve: (sizeBytes: number, options: CallOptions) => Promise<Reserved>
  /** Resolves when all that was taken is on tape, and in the catalog. */
  readonly sync: () => Promise<void>
  /** Lets others have the drive, after a sync; the next `put` takes one again. */
  readonly letGo: () => Promise<void>
  /** Writes the catalog that ends a session, and lets go. Never rejects: all that counts was synced. */
  readonly close: () => Promise<void>
  readonly figures: () => WriteFigures
}

/** Room for an object; exactly one of `put` and `abandon` must be called. */
export interface Reserved {
  /** Hands the object over, to be written in its turn. @throws BackupError what went wrong with an earlier one */
  readonly put: (object: HeldObject) => void
  readonly abandon: () => void
}

/** What a writer needs. */
export interface WriterSite {
  readonly set: () => KnownSet
  readonly library: TapeLibrary
  readonly supply: CartridgeSupply
  readonly catalog: TapeCatalog
  readonly cache: LookupCache
  readonly clock: Clock
  readonly logger: Logger
  /** Of the session: tape is not stopped within an object because somebody does not wait any longer. */
  readonly signal: AbortSignal
  /** Size at which a tape file is ended. */
  readonly fileBytes: number
  /** Bytes that may be in memory for the drive, those of the object that is written among them. */
  readonly queueBytes: number
  /** Called once, before the first cartridge is taken into use. @throws BackupError `E_REPOSITORY_BUSY` */
  readonly onFirst: () => void
}

interface OpenTape extends OpenCartridge {
  nextFile: number
  archive: ArchiveWriter | undefined
  /** In the archive, not known to be safe yet. */
  filed: CatalogObject[]
  /** Nothing of this session was stored on it yet. */
  isFresh: boolean
}

interface Mended {
  readonly safe: readonly CatalogObject[]
  readonly again: readonly HeldObject[]
}

/** Errors after which another try on the same or another cartridge may do. */
const mendable = ['E_TARGET_UNAVAILABLE', 'E_TARGET_IO', 'E_DAMAGED', 'E_MEDIA_NEEDED']
const mostSalvages = 3

/** Makes a writer; it takes nothing into use before the first object. */
export function setWriter(site: WriterSite): SetWriter {
  const { catalog, clock, logger, supply } = site
  const call: CallOptions = { signal: site.signal }
  const statistics = writeStatistics()
  const useless = new Set<string>()
  let tape: OpenTape | undefined
  let hasBegun = false
  let isCatalogDue = false
  let salvages = 0
  let queuedObjects = 0
  let failure: { readonly error: unknown } | undefined
  let working: Promise<void> = Promise.resolve()
  const queue = room(site.queueBytes)

  /** One thing after another; what fails fails all that comes after it. */
  const inTurn = (work: () => Promise<void>): Promise<void> => {
    const done = working.then(async () => {
      if (failure !== undefined) throw failure.error
      try {
        await work()
      } catch (error) {
        failure = { error }
        await leave()
        throw error
      }
    })
    working = done.catch(() => undefined)
    return done
  }

  const leave = async (): Promise<void> => {
    const left = tape
    tape = undefined
    await left?.mounted[Symbol.asyncDispose]()
  }

  const begun = async (isHurried: boolean): Promise<OpenTape> => {
    while (tape === undefined) {
      if (!hasBegun) site.onFirst()
      hasBegun = true
      const set = site.set()
      const last = catalog.cartridgesOf(set.id).at(-1)
      const resumed =
        last !== undefined && useless.has(catalog.barcodeOf(last) ?? '') ? undefined : await supply.resume(set, call)
      const opened = resumed ?? (await supply.begin(set, { ...call, except: useless, isHurried }))
      const open: OpenTape = { ...opened, archive: undefined, filed: [], isFresh: resumed === undefined }
      tape = open
      // A set is kept for as long as any session asked.
      catalog.keepSet(set)
      if (open.nextFile > 1 || (open.label.set?.sequence ?? 1) === 1) break
      const written = await writeEarlierCatalog(await archiveOf(open), site.set(), catalog, clock.now())
      if (written.kind === 'no-room') await cutShort(open, written)
      else await endFile(open)
      if (tape !== undefined || !open.isFresh) continue
      // Full of that alone, it is too small for anything.
      const { barcode } = opened.mounted
      logger.warn(`${barcode} has no room for more than the catalog of the cartridges before it.`, { barcode })
      useless.add(barcode)
    }
    return tape
  }

  const archiveOf = async (open: OpenTape): Promise<ArchiveWriter> => {
    const { label, mounted, nextFile } = open
    const place = { set: label.set?.id ?? '', sequence: label.set?.sequence ?? 0, file: nextFile }
    open.archive ??= await beginArchive(mounted.drive, place, clock.now(), {
      ...call,
      isWorm: mounted.medium.isWorm === true,
    })
    return open.archive
  }

  const noteFile = (open: OpenTape): void => {
    if (open.archive === undefined) return
    const { label, nextFile: number, filed: objects } = open
    catalog.addFile(label.cartridge, { number, endBytes: open.archive.sizeBytes(), objects })
    open.archive = undefined
    open.isFresh &&= objects.length === 0
    open.filed = []
    open.nextFile += 1
  }

  /** Ends the tape file. Returns objects of it that have to be written anew. */
  const endFile = async (open: OpenTape): Promise<readonly HeldObject[]> => {
    if (open.archive === undefined) return []
    return await fileEnded(open, await open.archive.end())
  }

  const fileEnded = async (open: OpenTape, ended: WrittenBlocks): Promise<readonly HeldObject[]> => {
    if (ended.kind === 'no-room') return await cutShort(open, ended)
    noteFile(open)
    if (ended.isNearEnd) await retire(open)
    return []
  }

  /** Notes what the file holds that ended before its time. Returns objects that have to be written anew. */
  const cutShort = async (open: OpenTape, { returned, endBytes }: CutShort): Promise<readonly HeldObject[]> => {
    open.filed = open.filed.filter(({ key }) => !returned.some(({ facts }) => facts.key === key))
    if (endBytes > 0) noteFile(open)
    await retire(open)
    return returned
  }

  /** Its end is reached: the next object goes to another cartridge. */
  const retire = async (open: OpenTape): Promise<void> => {
    catalog.markFull(open.label.cartridge)
    await leave()
  }

  /** Returns objects that have to be written anew, the given one among them if it was not written. */
  const writeOn = async (open: OpenTape, object: HeldObject): Promise<readonly HeldObject[]> => {
    const archive = await archiveOf(open)
    const written = await archive.write(object)
    if (written.kind === 'no-room') {
      const again = [...(await cutShort(open, written)), object]
      if (open.isFresh) throw tooLarge(again[0] ?? object)
      return again
    }
    open.filed.push(written.object)
    statistics.wrote(object.facts.sizeBytes)
    if (!written.isNearEnd && archive.sizeBytes() < site.fileBytes) return []
    const again = await endFile(open)
    if (again[0] !== undefined && open.isFresh) throw tooLarge(again[0])
    if (written.isNearEnd && tape !== undefined) await retire(open)
    return again
  }

  /** Tells what can be done after an error: which objects are safe now, and which have to be written anew; `undefined` for nothing. */
  const mended = async (error: unknown): Promise<Mended | undefined> => {
    const broken = tape
    if (broken === undefined || !isBackupError(error) || site.signal.aborted) return undefined
    if (!mendable.includes(error.code) || salvages === mostSalvages) return undefined
    salvages += 1
    const { label, mounted, archive, filed, nextFile } = broken
    const { barcode } = mounted
    logger.warn(`${barcode}: ${error.message} What was written is read back.`)
    await leave()
    const kept = await salvage(site.library, { label, barcode, file: nextFile, filed }, call)
    if (kept === undefined) return undefined
    const safe = filed.slice(0, kept)
    const again = (archive?.held() ?? []).filter(({ facts }) => !safe.some(({ key }) => key === facts.key))
    const lost = filed.slice(kept).filter(({ key }) => !again.some(({ facts }) => facts.key === key))
    if (lost.length > 0) return undefined
    if (archive !== undefined && kept > 0)
      catalog.addFile(label.cartridge, { number: nextFile, endBytes: archive.sizeBytes(), objects: safe })
    // What failed to be written once is not trusted again.
    if (error.code !== 'E_TARGET_UNAVAILABLE') {
      catalog.markFull(label.cartridge)
      useless.add(barcode)
    }
    return { safe, again }
  }

  const write = async (object: HeldObject): Promise<void> => {
    let left: readonly HeldObject[] = [object]
    for (let next = left[0]; next !== undefined; next = left[0]) {
      try {
        left = [...(await writeOn(await begun(false), next)), ...left.slice(1)]
      } catch (error) {
        const after = await mended(error)
        if (after === undefined) throw error
        const done = [...after.safe, ...after.again.map(({ facts }) => facts)].map(({ key }) => key)
        left = [...after.again, ...left.filter(({ facts }) => !done.includes(facts.key))]
      }
    }
  }

  const sync = (): Promise<void> =>
    inTurn(async () => {
      while (tape?.archive !== undefined) {
        const open = tape
        let again: readonly HeldObject[]
        try {
          again = await endFile(open)
          if (again[0] !== undefined && open.isFresh) throw tooLarge(again[0])
        } catch (error) {
          const after = await mended(error)
          if (after === undefined) throw error
          again = after.again
        }
        for (const object of again) await write(object)
      }
    })

  const writeCatalog = async (): Promise<void> => {
    for (;;) {
      const open = await begun(true)
      const { ended, hasCatalog } = await writeClosing(await archiveOf(open), site.set(), site, clock.now())
      await fileEnded(open, ended)
      if (hasCatalog) return
      if (open.isFresh) throw tapeError('E_TARGET_FULL', 'The catalog is larger than a cartridge.')
    }
  }

  return {
    figures: statistics.figures,
    reserve: async (sizeBytes, options) => {
      await queue.take(sizeBytes, options)
      const abandon = () => queue.give(sizeBytes)
      if (failure !== undefined) {
        abandon()
        throw failure.error
      }
      return {
        abandon,
        put: (object) => {
          if (failure !== undefined) throw failure.error
          isCatalogDue = true
          queuedObjects += 1
          statistics.queued()
          const written = inTurn(() => write(object)).finally(() => {
            abandon()
            queuedObjects -= 1
            if (queuedObjects === 0) statistics.ranDry()
          })
          // Told by whoever comes next, or by the sync.
          written.catch(() => undefined)
        },
      }
    },
    sync,
    letGo: async () => {
      await sync()
      await inTurn(leave)
    },
    close: async () => {
      try {
        await sync()
        if (isCatalogDue && failure === undefined && !site.signal.aborted)
          await inTurn(async () => {
            isCatalogDue = false
            await writeCatalog()
          })
      } catch (error) {
        logger.warn(
          `The catalog was not written to tape: ${error instanceof Error ? error.message : String(error)} What was stored is found without it, more slowly.`,
        )
      }
      await working
      await leave()
    },
  }
}
