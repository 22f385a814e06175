/** What every call takes. */
export interface CallOptions {
  /** Ends the call with the code `aborted`; the signal's reason is its cause. */
  readonly signal?: AbortSignal | undefined
  /** Ends the call with the code `timeout`. `Infinity` is no limit. */
  readonly timeoutMs?: number | undefined
}
