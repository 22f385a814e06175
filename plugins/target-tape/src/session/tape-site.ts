import type { Clock, Logger, MediaHandling } from '@holdfast/core'
import type { LookupCache } from '../catalog/lookup-cache.js'
import type { TapeCatalog } from '../catalog/tape-catalog.js'
import type { Claims } from '../library/claims.js'
import type { TapeLibrary } from '../library/tape-library.js'
import type { Allocation } from '../writing/choose-set.js'

/** What all sessions of one `open` share. */
export interface TapeSite {
  /** Connects when it is first asked for. */
  readonly library: () => Promise<TapeLibrary>
  readonly catalog: TapeCatalog
  readonly cache: LookupCache
  readonly claims: Claims
  readonly clock: Clock
  readonly logger: Logger
  readonly signal: AbortSignal
  readonly randomId: () => string
  readonly handled: () => MediaHandling
  readonly settings: TapeSettings
}

/** The options, completed. */
export interface TapeSettings {
  readonly pool: string
  readonly allocation: Allocation
  readonly keepMs: number | undefined
  readonly mayTake: (barcode: string) => boolean
  readonly waitMs: number
  readonly askCommand: readonly string[] | undefined
  readonly fileBytes: number
}
