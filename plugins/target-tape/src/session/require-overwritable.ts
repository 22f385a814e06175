import { tapeError } from '../drive/drive-errors.js'
import type { MountedCartridge } from '../library/tape-library.js'
import type { FoundLabel } from '../media/cartridge-label.js'
import type { TapeSite } from './tape-site.js'

/**
 * Refuses to let a cartridge be overwritten that holds something.
 *
 * @throws BackupError `E_TARGET_READ_ONLY`, `E_MEDIA_FOREIGN`, `E_TARGET_IMMUTABLE`
 */
export function requireOverwritable(
  { catalog, clock, settings }: TapeSite,
  { barcode, medium }: Pick<MountedCartridge, 'barcode' | 'medium'>,
  found: FoundLabel,
  evenIfHeld: boolean,
): void {
  const context = { barcode }
  if (medium.isWriteProtected) {
    throw tapeError('E_TARGET_READ_ONLY', `${barcode} is write-protected.`, {
      context,
      hint: 'Move its switch, if nobody needs what is on it.',
    })
  }
  if (found.kind === 'blank') return
  if (medium.isWorm === true) {
    throw tapeError('E_TARGET_IMMUTABLE', `${barcode} can be written once, and was.`, { context })
  }
  if (evenIfHeld) return
  if (found.kind !== 'label') {
    throw tapeError('E_MEDIA_FOREIGN', `${barcode} holds something else, which would be lost.`, {
      context,
      hint: 'Say --force with its name, if nobody needs it.',
    })
  }
  const { pool, set } = found.label
  if (pool !== settings.pool) {
    throw tapeError('E_MEDIA_FOREIGN', `${barcode} is of pool ${pool}.`, {
      context: { ...context, pool },
      hint: `Use the target of pool ${pool}, or say --force.`,
    })
  }
  if (set === undefined) return
  if (catalog.isExpired(set.id, clock.now())) return
  const { keepUntil } = catalog.set(set.id) ?? set
  const until = keepUntil === undefined ? 'for good' : `until ${keepUntil.toISOString()} at least`
  throw tapeError('E_TARGET_IMMUTABLE', `${barcode} belongs to set ${set.id}, which is kept ${until}.`, {
    context: { ...context, set: set.id },
    hint: "'holdfast tape catalog --rebuild' finds out whether it is over; say --force if nobody needs the set: all of it is lost then.",
  })
}
