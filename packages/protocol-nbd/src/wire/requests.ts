import { broken } from '../nbd-error.js'
import { fieldsOf, getSize, putSize, viewOf } from './bytes.js'
import { magic } from './constants.js'

/** Bytes of a request before the data of a write. */
export const requestBytes = 28

/** A request. Spec: "Request message". */
export interface RequestHeader {
  /** Bits of `commandFlag`. */
  readonly flags: number
  /** A value of `command`. */
  readonly command: number
  /** The client's number of the request, which comes back in the reply. */
  readonly cookie: bigint
  readonly offset: number
  readonly lengthBytes: number
}

/** Makes a request. */
export function encodeRequest({ flags, command, cookie, offset, lengthBytes }: RequestHeader): Uint8Array {
  return fieldsOf(requestBytes, (view) => {
    view.setUint32(0, magic.request)
    view.setUint16(4, flags)
    view.setUint16(6, command)
    view.setBigUint64(8, cookie)
    putSize(view, 16, offset)
    view.setUint32(24, lengthBytes)
  })
}

/** Reads a request; an offset above 2^53 - 1 becomes that, which is past the end of every export. @throws NbdError `protocol` */
export function decodeRequest(bytes: Uint8Array): RequestHeader {
  const view = viewOf(bytes)
  if (view.getUint32(0) !== magic.request) throw broken('A request does not start with its magic number.')
  return {
    flags: view.getUint16(4),
    command: view.getUint16(6),
    cookie: view.getBigUint64(8),
    offset: view.getUint32(16) > 0x1f_ffff ? Number.MAX_SAFE_INTEGER : getSize(view, 16),
    lengthBytes: view.getUint32(24),
  }
}
