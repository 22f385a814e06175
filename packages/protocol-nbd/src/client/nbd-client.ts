import type { NbdError } from '../nbd-error.js'
import type { BlockSizes } from '../wire/option-payloads.js'

/** A part of an export and its state in a context. */
export interface NbdBlockExtent {
  readonly offset: number
  readonly length: number
  /** Bits as the context defines them; of `base:allocation`: 1 hole, 2 zero; of a dirty bitmap: 1 dirty. */
  readonly flags: number
}

/** What a server can do with an export. Spec: "Transmission flags". */
export interface NbdFlags {
  readonly canFlush: boolean
  readonly canFua: boolean
  readonly canTrim: boolean
  readonly canZero: boolean
  readonly canFastZero: boolean
  /** What one connection flushed or wrote through, the others see. */
  readonly canMultiConn: boolean
  /** A read can be demanded in one piece. */
  readonly canDf: boolean
}

/** Options of every call. */
export interface NbdCallOptions {
  readonly signal?: AbortSignal
}

/** Options of what changes data. */
export interface NbdWriteOptions extends NbdCallOptions {
  /** Resolves when the data is on stable storage. @defaultValue false */
  readonly fua?: boolean
}

/** Options of writing zeros. */
export interface NbdZeroOptions extends NbdWriteOptions {
  /** `punch` lets the server make a hole, `allocate` forbids it. @defaultValue punch */
  readonly space?: 'punch' | 'allocate'
  /** Fails with errno `ENOTSUP` when it would be as slow as writing. @defaultValue false */
  readonly fast?: boolean
}

/**
 * An export that is open.
 *
 * Calls may overlap; a call that is longer than the server takes at once is split, and spread over the connections.
 * Guarantee: once a call settles, its buffer is not touched any more. Buffers may be over shared memory.
 * Abort: rejects with the reason; what a write had sent by then may be written or not.
 *
 * Every call throws NbdError: `io` with the server's errno, `closed` or `timeout` with the connection gone (and all that was
 * in flight with it), `protocol` or `limit` of a server that breaks the rules, `out-of-range`, `invalid` for offsets and
 * lengths that are not multiples of `blockSizes.minimum`, `unsupported` for what the flags rule out.
 */
export interface NbdClient extends AsyncDisposable {
  readonly sizeBytes: number
  readonly readOnly: boolean
  readonly flags: NbdFlags
  readonly blockSizes: BlockSizes
  /** What the server says about the export. */
  readonly description: string | undefined
  /** Names of the contexts that the server granted, of those that were asked for. */
  readonly contexts: readonly string[]
  /** Connections in use. */
  readonly connections: number
  /** Fills a buffer; rejects when the server did not send every byte of it. */
  readonly read: (offset: number, into: Uint8Array, options?: NbdCallOptions) => Promise<void>
  readonly write: (offset: number, bytes: Uint8Array, options?: NbdWriteOptions) => Promise<void>
  /** Tells the server that the contents are not needed any more; what is read there afterwards is undefined. */
  readonly trim: (offset: number, length: number, options?: NbdWriteOptions) => Promise<void>
  readonly writeZeroes: (offset: number, length: number, options?: NbdZeroOptions) => Promise<void>
  /** Resolves when every write that was complete before is on stable storage; at once when the server has no flush. */
  readonly flush: (options?: NbdCallOptions) => Promise<void>
  /**
   * Tells the states of a range in a context, in ascending order, without gaps; neighbours of one state are joined.
   *
   * @throws NbdError `unsupported` when the context was not granted
   */
  readonly blockStatus: (
    context: string,
    offset: number,
    length: number,
    options?: NbdCallOptions,
  ) => AsyncIterable<NbdBlockExtent>
  /** Settles when the client is closed: with undefined when it was disposed, with the reason when the connection was lost. */
  readonly closed: Promise<NbdError | undefined>
}
