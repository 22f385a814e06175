import type { LibraryMedium } from '@holdfast/core'
import type { ChangerPlace } from '../library/scsi-changer.js'
import { isCleaning } from '../writing/candidates.js'
import type { TapeSite } from './tape-site.js'

/** Tells what is known of the cartridge of a barcode. */
export function describeMedium(
  { catalog, clock }: TapeSite,
  places: readonly ChangerPlace[],
  barcode: string,
): LibraryMedium {
  const place = places.find((each) => each.barcode === barcode)
  const medium = catalog.medium(barcode)
  const cartridge = medium?.cartridge === undefined ? undefined : catalog.cartridge(medium.cartridge)
  const label = cartridge?.label
  const set = label?.set === undefined ? undefined : (catalog.set(label.set.id) ?? { ...label.set })
  const isExpired = label?.set !== undefined && catalog.isExpired(label.set.id, clock.now())
  const state = (): LibraryMedium['state'] => {
    if (isCleaning(barcode)) return 'cleaning'
    if (medium === undefined || medium.state === 'unknown') return 'unknown'
    if (medium.state !== 'labelled') return medium.state
    return set === undefined || isExpired ? 'usable' : 'held'
  }
  return {
    name: barcode,
    isOnline: place !== undefined && place.kind !== 'mail',
    location: medium?.location,
    place: place === undefined ? undefined : { kind: place.kind, number: place.number },
    pool: label?.pool,
    set: label?.set?.id,
    sequence: label?.set?.sequence,
    keepUntil: set?.keepUntil,
    usedBytes: label?.set === undefined ? undefined : cartridge?.usedBytes,
    state: state(),
  }
}
