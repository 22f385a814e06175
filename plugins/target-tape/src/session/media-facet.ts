import {
  type CallOptions,
  isBackupError,
  type MediaFacet,
  type NeededMedium,
  type ObjectKey,
  type OrderingFacet,
  objectKey,
} from '@holdfast/core'
import type { KnownObject } from '../catalog/known.js'
import { tapeError } from '../drive/drive-errors.js'
import type { TapeSite } from './tape-site.js'

/** Knows on which cartridges of a set objects lie, and in which order. `isHeld`: it is in memory still. */
export function mediaFacet(
  site: TapeSite,
  set: string,
  isHeld: (key: ObjectKey) => boolean,
): { readonly media: MediaFacet; readonly ordering: OrderingFacet } {
  const { catalog } = site
  /** Keys by the id of their cartridge, cartridges in the order of the set, and those that need none. */
  const sorted = (keys: readonly ObjectKey[]) => {
    const atHand: ObjectKey[] = []
    const onTape: KnownObject[] = []
    for (const key of keys) {
      const object = catalog.object(set, key)
      if (object === undefined && !isHeld(key)) throw missing(key)
      if (object === undefined || object.isLookup) atHand.push(key)
      else onTape.push(object)
    }
    const ofCartridge = Map.groupBy(onTape, ({ cartridge }) => cartridge)
    const cartridges = catalog.cartridgesOf(set).flatMap((known) => {
      const objects = ofCartridge.get(known.label.cartridge) ?? []
      const inOrder = objects.sort((a, b) => a.file - b.file || a.offset - b.offset)
      return objects.length === 0
        ? []
        : [{ barcode: catalog.barcodeOf(known) ?? '', keys: inOrder.map(({ key }) => objectKey(key)) }]
    })
    return { atHand, cartridges }
  }
  return {
    ordering: {
      order: async (keys) => {
        const { atHand, cartridges } = sorted(keys)
        return [...atHand.sort(), ...cartridges.flatMap((cartridge) => cartridge.keys)]
      },
    },
    media: {
      handled: site.handled,
      needed: async (keys, options) => {
        const { cartridges } = sorted(keys)
        if (cartridges.length === 0) return []
        const online = await onlineBarcodes(site, options)
        return cartridges.map(
          ({ barcode, keys: wanted }): NeededMedium => ({
            name: barcode,
            isOnline: online.has(barcode),
            location: catalog.medium(barcode)?.location,
            keys: wanted,
          }),
        )
      },
    },
  }
}

/** What the library holds; nothing while it cannot be reached. */
export async function onlineBarcodes(
  { library, logger }: TapeSite,
  options: CallOptions,
): Promise<ReadonlySet<string>> {
  try {
    const places = await (await library()).places(options)
    return new Set(places.flatMap(({ kind, barcode }) => (barcode === undefined || kind === 'mail' ? [] : [barcode])))
  } catch (error) {
    options.signal.throwIfAborted()
    if (!isBackupError(error)) throw error
    logger.warn(`It is not known which cartridges are in the library: ${error.message}`)
    return new Set()
  }
}

function missing(key: string): Error {
  return tapeError('E_OBJECT_NOT_FOUND', `There is no ${key} in this set.`, { context: { object: key } })
}
