import { NbdError } from '../nbd-error.js'
import type { BlockSizes } from '../wire/option-payloads.js'

/** A part of an export. */
export interface Range {
  readonly offset: number
  readonly lengthBytes: number
}

/** Checks what a caller asks for. @throws NbdError `out-of-range`, `invalid` */
export function checkRange({ offset, lengthBytes }: Range, sizeBytes: number, { minimum }: BlockSizes): void {
  if (!Number.isSafeInteger(offset) || !Number.isSafeInteger(lengthBytes) || offset < 0 || lengthBytes < 0)
    throw new NbdError('invalid', 'An offset or a length is no whole number of bytes.')
  if (offset + lengthBytes > sizeBytes)
    throw new NbdError('out-of-range', `The export ends at ${sizeBytes}, before ${offset + lengthBytes}.`, { offset })
  if (offset % minimum !== 0 || lengthBytes % minimum !== 0)
    throw new NbdError('invalid', `The server takes multiples of ${minimum} bytes only.`, { offset })
}

/** Cuts a range at multiples of a length. */
export function* piecesOf({ offset, lengthBytes }: Range, maxBytes: number): Iterable<Range> {
  const end = offset + lengthBytes
  for (let at = offset; at < end; ) {
    const next = Math.min(end, at - (at % maxBytes) + maxBytes)
    yield { offset: at, lengthBytes: next - at }
    at = next
  }
}
