import type { BlockSizes } from '../wire/option-payloads.js'
import type { StatusExtent } from '../wire/replies.js'

/** Options of every call that a server makes. */
export interface NbdExportCall {
  /** Aborted when the client is gone or the server stops: settle soon, as the server waits for all calls before it ends. */
  readonly signal: AbortSignal
}

/**
 * A disk that a server shows.
 *
 * Called: concurrently, from all connections; ranges lie inside of the disk and are multiples of `blockSizes.minimum`.
 * What it throws is told to the client by number: the `errno` of an NbdError, the `code` of a system error where NBD has the
 * number, and `EIO` for the rest. An NbdError with code `closed` hangs up without a reply.
 */
export interface NbdExport {
  readonly name: string
  /** Shown to clients that ask. */
  readonly description?: string
  readonly sizeBytes: number
  /** Refuses everything that changes data. @defaultValue true when there is no `write` */
  readonly readOnly?: boolean
  /** @defaultValue minimum 1, preferred 4096, maximum the server's `maxRequestBytes` */
  readonly blockSizes?: BlockSizes
  /** What one connection flushed, all others see: clients may open several. @defaultValue true when read-only */
  readonly canMultiConn?: boolean
  /** `writeZeroes` obeys `fast`. @defaultValue false */
  readonly canFastZero?: boolean
  /** Fills the whole buffer, or throws; the buffer is the server's again afterwards. */
  readonly read: (offset: number, into: Uint8Array, call: NbdExportCall) => Promise<void>
  /** Writes bytes, which are the server's again afterwards. */
  readonly write?: (offset: number, bytes: Uint8Array, call: NbdExportCall) => Promise<void>
  readonly trim?: (offset: number, length: number, call: NbdExportCall) => Promise<void>
  readonly writeZeroes?: (offset: number, length: number, call: NbdZeroCall) => Promise<void>
  /** Resolves when all that was written before is on stable storage; also called for writes with the flag FUA. */
  readonly flush?: (call: NbdExportCall) => Promise<void>
  /**
   * Tells the extents of `base:allocation` from an offset on: bit 1 hole, bit 2 reads as zeros.
   *
   * At least one, each above 0 in length, without gaps; it may stop before the end of the range, or beyond it. Used for reads, too.
   */
  readonly blockStatus?: ExtentsOf
  /** Further contexts by name, such as `qemu:dirty-bitmap:name`. */
  readonly contexts?: Readonly<Record<string, ExtentsOf>>
}

/** How zeros are to be written. */
export interface NbdZeroCall extends NbdExportCall {
  /** The space must stay taken. */
  readonly noHole: boolean
  /** Throw an NbdError with errno `ENOTSUP` when this is no faster than writing. */
  readonly fast: boolean
}

/** Tells the extents of a context. */
export type ExtentsOf = (offset: number, length: number, call: NbdExportCall) => Promise<readonly StatusExtent[]>

/** Who is connected. */
export interface NbdPeer {
  /** IP address; undefined on a unix socket. */
  readonly address: string | undefined
  readonly isTls: boolean
  /** SHA-256 of the client's certificate, in hexadecimal with colons. */
  readonly fingerprint256: string | undefined
  /** Name of the shared key that the client has. */
  readonly pskIdentity: string | undefined
}

/** The exports of a server. */
export interface NbdExports {
  /** Finds an export; the empty name is that of the default export. */
  readonly find: (name: string, peer: NbdPeer) => NbdExport | undefined | Promise<NbdExport | undefined>
  /** Names what may be listed. @defaultValue listing is refused */
  readonly list?: (
    peer: NbdPeer,
  ) => Iterable<Pick<NbdExport, 'name' | 'description'>> | Promise<Iterable<Pick<NbdExport, 'name' | 'description'>>>
}

/** Makes exports of a fixed list; the empty name is the first. */
export function fixedExports(exports: readonly NbdExport[]): NbdExports {
  return {
    find: (name) => exports.find((one) => one.name === name) ?? (name === '' ? exports[0] : undefined),
    list: () => exports,
  }
}
