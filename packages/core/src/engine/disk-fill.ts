import type { WritableDisk } from '../contract/source.js'
import type { RecoveryPoint, StoredDisk } from '../repository/recovery-point.js'

/** A disk of a point, and the blank one that it is restored to. */
export interface DiskFill {
  readonly point: RecoveryPoint
  readonly stored: StoredDisk
  readonly target: WritableDisk
}
