import type { TapeCatalog } from '../catalog/tape-catalog.js'
import type { ChangerPlace } from '../library/scsi-changer.js'

/** What is known when a cartridge is looked for. */
export interface CandidateQuery {
  readonly places: readonly ChangerPlace[]
  readonly catalog: TapeCatalog
  readonly pool: string
  readonly mayTake: (barcode: string) => boolean
  readonly now: Date
}

/**
 * The cartridges that may be worth a look, best first: labelled for the pool and empty, expired for longest, blank, and those that
 * nobody has looked at yet.
 *
 * Only their labels decide in the end.
 */
export function candidates({ places, catalog, pool, mayTake, now }: CandidateQuery): readonly string[] {
  const rank = (barcode: string): readonly [number, number] | undefined => {
    const medium = catalog.medium(barcode)
    if (medium === undefined || medium.state === 'unknown') return mayTake(barcode) ? [3, 0] : undefined
    if (medium.state === 'blank') return mayTake(barcode) ? [2, 0] : undefined
    const label = medium.cartridge === undefined ? undefined : catalog.cartridge(medium.cartridge)?.label
    if (medium.state === 'foreign' || label?.pool !== pool) return undefined
    if (label.set === undefined) return [0, 0]
    const { keepUntil } = catalog.set(label.set.id) ?? label.set
    return catalog.isExpired(label.set.id, now) ? [1, keepUntil?.getTime() ?? 0] : undefined
  }
  return places
    .flatMap(({ kind, barcode, problem }) => {
      const isReachable = kind !== 'mail' && problem === undefined
      if (barcode === undefined || !isReachable || isCleaning(barcode)) return []
      const ranked = rank(barcode)
      return ranked === undefined ? [] : [{ barcode, ranked }]
    })
    .sort((a, b) => a.ranked[0] - b.ranked[0] || a.ranked[1] - b.ranked[1])
    .map(({ barcode }) => barcode)
}

/** Barcodes of cleaning cartridges begin so, by agreement of all who make libraries. */
export function isCleaning(barcode: string): boolean {
  return /^CLN/i.test(barcode)
}
