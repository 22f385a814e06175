import type { TapeCatalog } from '../catalog/tape-catalog.js'
import type { FoundLabel } from './cartridge-label.js'

/** Notes what was found at the beginning of a cartridge; what was thought of it before is forgotten where it is another one. */
export function noteLabel(catalog: TapeCatalog, barcode: string, found: FoundLabel): void {
  if (found.kind !== 'label') {
    catalog.noteMedium({ barcode, state: found.kind === 'blank' ? 'blank' : 'foreign', cartridge: undefined })
    return
  }
  const { label } = found
  catalog.noteMedium({ barcode, state: 'labelled', cartridge: label.cartridge })
  if (catalog.cartridge(label.cartridge) !== undefined) return
  const { set, pool, writtenAt } = label
  if (set !== undefined) catalog.noteSet({ id: set.id, pool, createdAt: writtenAt, keepUntil: set.keepUntil })
  // Nothing is known of what comes behind the label.
  catalog.addCartridge({ label, files: 1, isFull: false, usedBytes: 0 })
}
