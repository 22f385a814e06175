import type { CatalogObject } from '../layout/catalog.js'
import type { CartridgeLabel } from '../layout/label.js'

/** A set as the catalog knows it. */
export interface KnownSet {
  readonly id: string
  readonly pool: string
  readonly createdAt: Date
  /** Absent: for good. */
  readonly keepUntil: Date | undefined
}

/** A labelled cartridge as the catalog knows it. */
export interface KnownCartridge {
  readonly label: CartridgeLabel
  /** Tape files that are known to be whole; the next one has that number. */
  readonly files: number
  /** Nothing more is to be written to it. */
  readonly isFull: boolean
  readonly usedBytes: number
}

/** What was found when somebody last looked at the medium of a barcode. */
export interface KnownMedium {
  readonly barcode: string
  /** `unknown`: nobody has looked. */
  readonly state: 'unknown' | 'blank' | 'labelled' | 'foreign'
  /** Id of the cartridge, when it is labelled. */
  readonly cartridge: string | undefined
  /** Where it is kept, when it was taken away. */
  readonly location: string | undefined
}

/** An object, and the cartridge that it is on. */
export interface KnownObject extends CatalogObject {
  readonly cartridge: string
}
