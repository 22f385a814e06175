import type { CallOptions } from '@holdfast/core'
import type { DiskImage } from '@holdfast/formats'
import type { VmwareDisk } from '../inventory/disks.js'

/** A way to the bytes of a snapshot. */
export interface Transport extends AsyncDisposable {
  readonly kind: 'san' | 'https' | 'nfc'
  /** Opens a disk as the snapshot has it. Rejects where this way does not lead there. */
  readonly open: (disk: VmwareDisk, options: CallOptions) => Promise<DiskImage>
}
