import type { CatalogObject } from '../layout/catalog.js'

/** What is known of an object before it lies on a tape. */
export type ObjectFacts = Omit<CatalogObject, 'file' | 'offset'>

/** An object in memory, which is kept until it is known where it came to lie. */
export interface HeldObject {
  readonly facts: ObjectFacts
  readonly content: Uint8Array
  /** Called once the content will not be needed again; not called where something failed. */
  readonly release: () => void
}
