import { broken } from '../nbd-error.js'
import { fieldsOf, joined, putSize, readFields, viewOf } from './bytes.js'
import { chunkFlagDone, magic } from './constants.js'
import { type ErrnoName, errnoName, errnoValues } from './errno.js'

/** Bytes of a simple reply before its data, and the bytes that tell it from a chunk. */
export const simpleReplyBytes = 16
/** Bytes of a chunk before its payload. */
const chunkHeaderBytes = 20

/** Start of a reply or of a chunk of one. */
export type ReplyHeader =
  | { readonly kind: 'simple'; readonly cookie: bigint; readonly error: number }
  | { readonly kind: 'chunk'; readonly cookie: bigint; readonly type: number; readonly isLast: boolean }

/** Reads the first sixteen bytes of a reply; of a chunk, four more with its length follow. @throws NbdError `protocol` */
export function decodeReplyStart(bytes: Uint8Array): ReplyHeader {
  const view = viewOf(bytes)
  const cookie = view.getBigUint64(8)
  switch (view.getUint32(0)) {
    case magic.simpleReply:
      return { kind: 'simple', cookie, error: view.getUint32(4) }
    case magic.chunk:
      return { kind: 'chunk', cookie, type: view.getUint16(6), isLast: (view.getUint16(4) & chunkFlagDone) !== 0 }
    default:
      throw broken('A reply does not start with its magic number.')
  }
}

/** Makes a simple reply, or its start when data follows. Spec: "Simple reply message". */
export function encodeSimpleReply(cookie: bigint, error?: ErrnoName): Uint8Array {
  return fieldsOf(simpleReplyBytes, (view) => {
    view.setUint32(0, magic.simpleReply)
    view.setUint32(4, error === undefined ? 0 : errnoValues[error])
    view.setBigUint64(8, cookie)
  })
}

/** A chunk's header. */
export interface ChunkHeader {
  readonly cookie: bigint
  /** A value of `chunkType`. */
  readonly type: number
  readonly isLast: boolean
}

/** Makes the header of a chunk. Spec: "Structured reply chunk message". */
export function encodeChunkHeader({ cookie, type, isLast }: ChunkHeader, lengthBytes: number): Uint8Array {
  return fieldsOf(chunkHeaderBytes, (view) => {
    view.setUint32(0, magic.chunk)
    view.setUint16(4, isLast ? chunkFlagDone : 0)
    view.setUint16(6, type)
    view.setBigUint64(8, cookie)
    view.setUint32(16, lengthBytes)
  })
}

/** Makes a chunk with a small payload. */
export function encodeChunk(header: ChunkHeader, payload: Uint8Array): Uint8Array {
  return joined(encodeChunkHeader(header, payload.length), payload)
}

/** Makes the start of the payload of NBD_REPLY_TYPE_OFFSET_DATA; the data follows. */
export function encodeDataOffset(offset: number): Uint8Array {
  return fieldsOf(8, (view) => putSize(view, 0, offset))
}

/** Makes the payload of NBD_REPLY_TYPE_OFFSET_HOLE. */
export function encodeHole(offset: number, lengthBytes: number): Uint8Array {
  return fieldsOf(12, (view) => {
    putSize(view, 0, offset)
    view.setUint32(8, lengthBytes)
  })
}

/** Makes the payload of NBD_REPLY_TYPE_ERROR, without a message: what goes wrong in here is nobody's business out there. */
export function encodeError(error: ErrnoName): Uint8Array {
  return fieldsOf(6, (view) => view.setUint32(0, errnoValues[error]))
}

/** An error chunk. */
export interface ErrorChunk {
  readonly errno: ErrnoName
  readonly message: string
  readonly offset: number | undefined
}

/** Most bytes of the payload of an error chunk. */
export const maxErrorBytes = 6 + 4096 + 8

/** Reads the payload of an error chunk of any type; an offset follows the message in one of them. @throws NbdError `protocol` */
export function decodeError(payload: Uint8Array, hasOffset: boolean): ErrorChunk {
  const fields = readFields(payload)
  const value = fields.u32()
  if (value === 0) throw broken('An error chunk has no error.')
  const message = fields.text(fields.u16())
  return { errno: errnoName(value), message, offset: hasOffset ? fields.size() : undefined }
}

/** A part of an export and its state in a context. */
export interface StatusExtent {
  /** Above 0, below 2^32. */
  readonly length: number
  readonly flags: number
}

/** Most extents that one chunk may have. */
export const maxStatusExtents = 2 ** 20

/** Makes the payload of NBD_REPLY_TYPE_BLOCK_STATUS. */
export function encodeBlockStatus(contextId: number, extents: readonly StatusExtent[]): Uint8Array {
  return fieldsOf(4 + 8 * extents.length, (view) => {
    view.setUint32(0, contextId)
    extents.forEach(({ length, flags }, index) => {
      view.setUint32(4 + 8 * index, length)
      view.setUint32(8 + 8 * index, flags)
    })
  })
}

/** The extents of one context, decoded as they are asked for. */
export interface BlockStatus {
  readonly contextId: number
  readonly extents: () => Iterable<StatusExtent>
}

/** Reads the payload of NBD_REPLY_TYPE_BLOCK_STATUS. @throws NbdError `protocol`: no extents, or one without length */
export function decodeBlockStatus(payload: Uint8Array): BlockStatus {
  if (payload.length < 12 || payload.length % 8 !== 4) throw broken('A block status has a wrong length.')
  const view = viewOf(payload)
  for (let at = 4; at < payload.length; at += 8)
    if (view.getUint32(at) === 0) throw broken('A block status has an extent without length.')
  return {
    contextId: view.getUint32(0),
    extents: function* () {
      for (let at = 4; at < payload.length; at += 8) yield { length: view.getUint32(at), flags: view.getUint32(at + 4) }
    },
  }
}
