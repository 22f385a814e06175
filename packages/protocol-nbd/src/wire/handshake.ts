import { broken } from '../nbd-error.js'
import { fieldsOf, getSize, putSize, viewOf } from './bytes.js'
import { magic } from './constants.js'

/** Bytes of a server's first message. */
export const greetingBytes = 18
/** Bytes before the payload of an option. */
export const optionHeaderBytes = 16
/** Bytes before the payload of an option's reply. */
export const replyHeaderBytes = 20
/** Zeros after the answer to NBD_OPT_EXPORT_NAME, unless both sides waive them. */
export const exportNameZeroes = 124

/** Makes the first message of a server. Spec: "Newstyle negotiation". */
export function encodeGreeting(flags: number): Uint8Array {
  return fieldsOf(greetingBytes, (view) => {
    view.setBigUint64(0, magic.greeting)
    view.setBigUint64(8, magic.haveOption)
    view.setUint16(16, flags)
  })
}

/** Reads the first message of a server; returns its handshake flags. @throws NbdError `protocol`: no newstyle NBD server */
export function decodeGreeting(bytes: Uint8Array): number {
  const view = viewOf(bytes)
  if (view.getBigUint64(0) !== magic.greeting) throw broken('The peer is no NBD server.')
  if (view.getBigUint64(8) !== magic.haveOption)
    throw broken('The server speaks the oldstyle negotiation, which was retired.')
  return view.getUint16(16)
}

/** Makes the client's handshake flags. */
export function encodeClientFlags(flags: number): Uint8Array {
  return fieldsOf(4, (view) => view.setUint32(0, flags))
}

/** Start of an option, or of the answer to one. */
export interface OptionHeader {
  readonly option: number
  readonly lengthBytes: number
}

/** Makes an option with its payload. Spec: "Option haggling". */
export function encodeOption(option: number, payload: Uint8Array = new Uint8Array(0)): Uint8Array {
  const bytes = fieldsOf(optionHeaderBytes + payload.length, (view) => {
    view.setBigUint64(0, magic.haveOption)
    view.setUint32(8, option)
    view.setUint32(12, payload.length)
  })
  bytes.set(payload, optionHeaderBytes)
  return bytes
}

/** Reads the start of an option. @throws NbdError `protocol` */
export function decodeOptionHeader(bytes: Uint8Array): OptionHeader {
  const view = viewOf(bytes)
  if (view.getBigUint64(0) !== magic.haveOption) throw broken('An option does not start with its magic number.')
  return { option: view.getUint32(8), lengthBytes: view.getUint32(12) }
}

/** Makes the reply to an option. */
export function encodeOptionReply(option: number, type: number, payload: Uint8Array = new Uint8Array(0)): Uint8Array {
  const bytes = fieldsOf(replyHeaderBytes + payload.length, (view) => {
    view.setBigUint64(0, magic.optionReply)
    view.setUint32(8, option)
    view.setUint32(12, type)
    view.setUint32(16, payload.length)
  })
  bytes.set(payload, replyHeaderBytes)
  return bytes
}

/** Reads the start of a reply to an option. @throws NbdError `protocol` */
export function decodeReplyHeader(bytes: Uint8Array): OptionHeader & { readonly type: number } {
  const view = viewOf(bytes)
  if (view.getBigUint64(0) !== magic.optionReply) throw broken('An option reply does not start with its magic number.')
  return { option: view.getUint32(8), type: view.getUint32(12), lengthBytes: view.getUint32(16) }
}

/** Size and flags, the answer to NBD_OPT_EXPORT_NAME. */
export interface ExportSummary {
  readonly sizeBytes: number
  /** Bits of `transmissionFlag`. */
  readonly flags: number
}

/** Makes the answer to NBD_OPT_EXPORT_NAME. */
export function encodeExportSummary({ sizeBytes, flags }: ExportSummary, hasZeroes: boolean): Uint8Array {
  return fieldsOf(hasZeroes ? 10 + exportNameZeroes : 10, (view) => {
    putSize(view, 0, sizeBytes)
    view.setUint16(8, flags)
  })
}

/** Reads the first ten bytes of the answer to NBD_OPT_EXPORT_NAME. */
export function decodeExportSummary(bytes: Uint8Array): ExportSummary {
  const view = viewOf(bytes)
  return { sizeBytes: getSize(view, 0), flags: view.getUint16(8) }
}
