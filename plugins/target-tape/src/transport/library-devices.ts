import type { TapeDrive } from '../drive/tape-drive.js'
import type { Changer } from '../library/scsi-changer.js'

/** A changer and its drives, in the order in which it counts them, whatever carries the commands. */
export interface LibraryDevices extends AsyncDisposable {
  readonly changer: Changer
  readonly drives: readonly TapeDrive[]
}
