import type {
  CallOptions,
  LibraryDrive,
  LibraryFacet,
  LibraryMedium,
  LibraryPlace,
  LibraryPlaceName,
} from '@holdfast/core'
import { rebuildCatalog } from '../catalog/rebuild-catalog.js'
import { tapeError } from '../drive/drive-errors.js'
import type { CartridgeLabel } from '../layout/label.js'
import type { ChangerPlace } from '../library/scsi-changer.js'
import type { MountedCartridge } from '../library/tape-library.js'
import { readLabel, writeLabel } from '../media/cartridge-label.js'
import { noteLabel } from '../media/note-label.js'
import { describeMedium } from './describe-medium.js'
import { requireOverwritable } from './require-overwritable.js'
import type { TapeSite } from './tape-site.js'

/** What people do with cartridges. */
export function libraryFacet(site: TapeSite): LibraryFacet {
  const { catalog, clock, settings } = site

  const changerPlaces = async (options: CallOptions) => (await site.library()).places(options)

  const placeNamed = (places: readonly ChangerPlace[], { kind, number }: LibraryPlaceName) => {
    const found = places.find((place) => place.kind === kind && place.number === number)
    if (found !== undefined) return found
    throw tapeError('E_USAGE', `The library has no ${kind} ${number}.`, {
      hint: "'holdfast tape inventory' shows its places.",
    })
  }

  /** Does something with a cartridge that may be overwritten, and forgets what it held. */
  const overwrite = async (
    barcode: string,
    { evenIfHeld = false, signal }: Parameters<LibraryFacet['label']>[1],
    work: (mounted: MountedCartridge) => Promise<void>,
  ): Promise<void> => {
    await using mounted = await (await site.library()).mount(barcode, { signal })
    const found = await readLabel(mounted.drive, { signal })
    noteLabel(catalog, barcode, found)
    requireOverwritable(site, mounted, found, evenIfHeld)
    await work(mounted)
    if (found.kind !== 'label') return
    if (found.label.set !== undefined) catalog.dropSet(found.label.set.id)
    catalog.dropCartridge(found.label.cartridge)
  }

  const free = (places: readonly ChangerPlace[], kind: LibraryPlace['kind']) =>
    places.find((place) => place.kind === kind && !place.isFull && place.problem === undefined)

  const noFree = (kind: string) =>
    tapeError('E_TARGET_FULL', `The library has no free ${kind}.`, { hint: 'Take a cartridge out.' })

  return {
    places: async (options) =>
      (await changerPlaces(options)).map(
        ({ kind, number, barcode, isFull, problem }): LibraryPlace => ({
          kind,
          number,
          medium: barcode,
          isFull,
          problem,
        }),
      ),
    drives: async (options) => {
      const places = await changerPlaces(options)
      const told: LibraryDrive[] = []
      for (const [number, drive] of (await site.library()).drives.entries()) {
        const medium = places.find((place) => place.kind === 'drive' && place.number === number)?.barcode
        told.push({ number, name: drive.name, medium, alerts: await drive.alerts(options) })
      }
      return told
    },
    media: async (options) => {
      const places = await changerPlaces(options)
      const present = places.flatMap(({ barcode }) => barcode ?? [])
      const known = catalog.media().map(({ barcode }) => barcode)
      return [...new Set([...present, ...known])].map((barcode) => describeMedium(site, places, barcode))
    },
    label: (barcode, options) =>
      overwrite(barcode, options, async ({ drive }) => {
        const label: CartridgeLabel = {
          cartridge: site.randomId(),
          barcode,
          pool: settings.pool,
          set: undefined,
          writtenAt: clock.now(),
        }
        await writeLabel(drive, label, options)
        noteLabel(catalog, barcode, { kind: 'label', label })
      }),
    erase: (barcode, options) =>
      overwrite(barcode, options, async ({ drive }) => {
        await drive.erase(options)
        noteLabel(catalog, barcode, await readLabel(drive, options))
      }),
    load: async (barcode, options) => {
      await using mounted = await (await site.library()).mount(barcode, options)
      return mounted.driveNumber
    },
    unload: async (drive, options) => (await site.library()).putBack(drive, options),
    move: async (medium, to, options) => {
      const places = await changerPlaces(options)
      const what = typeof medium === 'string' ? medium : placeNamed(places, medium).address
      await (await site.library()).carry(what, placeNamed(places, to).address, options)
    },
    vault: async (barcode, location, options) => {
      const places = await changerPlaces(options)
      const present = places.find((place) => place.barcode === barcode)
      const hasMail = places.some(({ kind }) => kind === 'mail')
      let place = present
      if (present !== undefined && present.kind !== 'mail' && hasMail) {
        place = free(places, 'mail')
        if (place === undefined) throw noFree('mail slot')
        await (await site.library()).carry(barcode, place.address, options)
      }
      catalog.noteLocation(barcode, location)
      return place === undefined ? undefined : { kind: place.kind, number: place.number }
    },
    recall: async (barcode, options) => {
      const places = await changerPlaces(options)
      if (places.find((place) => place.barcode === barcode)?.kind === 'mail') {
        const slot = free(places, 'slot')
        if (slot === undefined) throw noFree('slot')
        await (await site.library()).carry(barcode, slot.address, options)
      }
      catalog.noteLocation(barcode, undefined)
    },
    rebuild: async (media, { onMedium, onFailure, ...options }) => {
      const library = await site.library()
      const places = await library.places(options)
      const told = (barcode: string): LibraryMedium => describeMedium(site, places, barcode)
      await rebuildCatalog({ ...site, library }, media, {
        ...options,
        onCartridge: (barcode) => onMedium?.(told(barcode)),
        onFailure,
      })
    },
  }
}
