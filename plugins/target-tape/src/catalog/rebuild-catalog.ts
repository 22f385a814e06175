import { type BackupError, type CallOptions, type Clock, isBackupError, type Logger } from '@holdfast/core'
import { decodeCatalog, type ReadCatalog } from '../layout/catalog.js'
import type { TapeLibrary } from '../library/tape-library.js'
import { readLabel } from '../media/cartridge-label.js'
import { noteLabel } from '../media/note-label.js'
import { isCleaning } from '../writing/candidates.js'
import { catchUp } from './catch-up.js'
import type { LookupCache } from './lookup-cache.js'
import type { TapeCatalog } from './tape-catalog.js'

/** What making a catalog anew needs. */
export interface RebuildSite {
  readonly library: TapeLibrary
  readonly catalog: TapeCatalog
  readonly cache: LookupCache
  readonly clock: Clock
  readonly logger: Logger
}

/** How to make it. */
export interface RebuildOptions extends CallOptions {
  readonly onCartridge: (barcode: string) => void
  /** Without it the first cartridge that cannot be read ends it all. */
  readonly onFailure: ((barcode: string, error: BackupError) => void) | undefined
}

/**
 * Reads what is on cartridges, and replaces with it what was thought to be there.
 *
 * What catalogs on them say of cartridges that were not read is taken over where nothing better is known.
 */
export async function rebuildCatalog(
  site: RebuildSite,
  barcodes: readonly string[],
  { onCartridge, onFailure, ...options }: RebuildOptions,
): Promise<void> {
  const { library, catalog } = site
  const places = await library.places(options)
  const present = places.flatMap(({ kind, barcode }) => (barcode === undefined || kind === 'mail' ? [] : [barcode]))
  const told: ReadCatalog[] = []
  /** Their own content is known better than any catalog knows it. */
  const whole = new Set<string>()
  for (const barcode of barcodes.length > 0 ? barcodes : present.filter((each) => !isCleaning(each))) {
    try {
      const read = await readCartridge(site, barcode, told, options)
      if (read === 'whole') whole.add(barcode)
      else site.logger.warn(`${barcode} cannot be read to its end: ${read}.`, { barcode })
      onCartridge(barcode)
    } catch (error) {
      if (onFailure === undefined || !isBackupError(error)) throw error
      onFailure(barcode, error)
    }
  }
  for (const each of told) takeOver(catalog, each, whole)
  dropRemains(site)
}

/** Returns `whole`, or what is wrong with the cartridge. */
async function readCartridge(
  site: RebuildSite,
  barcode: string,
  told: ReadCatalog[],
  options: CallOptions,
): Promise<string> {
  try {
    return await readMounted(site, barcode, told, options)
  } catch (error) {
    if (!isBackupError(error) || !['E_DAMAGED', 'E_TARGET_IO', 'E_MEDIA_NEEDED'].includes(error.code)) throw error
    return error.message
  }
}

async function readMounted(
  { library, catalog, cache, logger }: RebuildSite,
  barcode: string,
  told: ReadCatalog[],
  options: CallOptions,
): Promise<string> {
  await using mounted = await library.mount(barcode, options)
  const { drive } = mounted
  const found = await readLabel(drive, options)
  const present = found.kind === 'label' ? found.label.cartridge : undefined
  for (const { label } of catalog.cartridgesWith(barcode)) catalog.dropCartridge(label.cartridge)
  noteLabel(catalog, barcode, found)
  const known = present === undefined ? undefined : catalog.cartridge(present)
  if (known?.label.set === undefined) return 'whole'
  const onCatalog = async (bytes: AsyncIterable<Uint8Array>) => {
    const read = await decodeCatalog(bytes)
    if (typeof read === 'string') logger.warn(`A catalog on ${barcode} is damaged: ${read}.`, { barcode })
    else told.push(read)
  }
  const end = await catchUp({ catalog, cache, drive }, known, options, onCatalog)
  return end.kind === 'damaged' ? end.problem : 'whole'
}

/** Notes what a catalog tells of a set; cartridges that were read themselves know better. */
function takeOver(
  catalog: TapeCatalog,
  { set: id, pool, createdAt, keepUntil, cartridges }: ReadCatalog,
  whole: ReadonlySet<string>,
): void {
  catalog.keepSet({ id, pool, createdAt, keepUntil })
  for (const { label, objects } of cartridges) {
    const { barcode, cartridge } = label
    const known = catalog.cartridge(cartridge)
    const seenUnder = known === undefined ? barcode : catalog.barcodeOf(known)
    if (seenUnder !== undefined && whole.has(seenUnder)) continue
    if (known === undefined) catalog.addCartridge({ label, files: 1, isFull: false, usedBytes: 0 })
    for (const [number, filed] of Map.groupBy(objects, ({ file }) => file)) {
      const endBytes = Math.max(...filed.map(({ offset, sizeBytes }) => offset + sizeBytes))
      catalog.addFile(label.cartridge, { number, endBytes, objects: filed })
    }
    if (known === undefined && barcode !== undefined && catalog.medium(barcode) === undefined)
      catalog.noteMedium({ barcode, state: 'labelled', cartridge })
  }
}

/** A set that has expired and lacks a cartridge was being written over. */
function dropRemains({ catalog, clock }: RebuildSite): void {
  for (const { id } of catalog.sets()) {
    if (!catalog.isExpired(id, clock.now())) continue
    const sequences = catalog.cartridgesOf(id).map(({ label }) => label.set?.sequence)
    if (sequences.some((sequence, at) => sequence !== at + 1)) catalog.dropSet(id)
  }
}
