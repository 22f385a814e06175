import type { CatalogObject } from '../layout/catalog.js'

/** An object in memory, which is kept until it is known where it came to lie. */
export interface HeldObject extends Omit<CatalogObject, 'file' | 'offset'> {
  readonly content: Uint8Array
}
