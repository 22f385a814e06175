import { broken } from '../nbd-error.js'
import { encodeText, fieldsOf, joined, lengthAndText, putSize, readFields } from './bytes.js'
import { infoType } from './constants.js'
import type { ExportSummary } from './handshake.js'

/** An export as NBD_OPT_INFO and NBD_OPT_GO ask for it. */
export interface InfoRequest {
  readonly name: string
  /** Values of `infoType` that the client would like to hear about. */
  readonly wishes: readonly number[]
}

/** Makes the payload of NBD_OPT_INFO and NBD_OPT_GO. */
export function encodeInfoRequest({ name, wishes }: InfoRequest): Uint8Array {
  const list = fieldsOf(2 + 2 * wishes.length, (view) => {
    view.setUint16(0, wishes.length)
    wishes.forEach((wish, index) => {
      view.setUint16(2 + 2 * index, wish)
    })
  })
  return joined(lengthAndText(name), list)
}

/** Reads the payload of NBD_OPT_INFO and NBD_OPT_GO. @throws NbdError `protocol` */
export function decodeInfoRequest(bytes: Uint8Array): InfoRequest {
  const fields = readFields(bytes)
  const name = fields.text(fields.u32())
  const count = fields.u16()
  if (fields.left() !== 2 * count) throw broken('The list of wishes has another length than it says.')
  return { name, wishes: Array.from({ length: count }, () => fields.u16()) }
}

/** What a request's offset and length must be multiples of, and what a request's length may be. Spec: "Block size constraints". */
export interface BlockSizes {
  /** A power of two; offsets and lengths are multiples of it. */
  readonly minimum: number
  /** A power of two; multiples of it are served best. */
  readonly preferred: number
  /** Most bytes of one request. */
  readonly maximum: number
}

/** One piece of what NBD_OPT_INFO and NBD_OPT_GO tell; kinds that are not known are `other`. */
export type Info =
  | ({ readonly kind: 'export' } & ExportSummary)
  | { readonly kind: 'name' | 'description'; readonly text: string }
  | ({ readonly kind: 'block-size' } & BlockSizes)
  | { readonly kind: 'other' }

/** Makes the payload of NBD_REP_INFO. */
export function encodeInfo(info: Exclude<Info, { readonly kind: 'other' }>): Uint8Array {
  switch (info.kind) {
    case 'export':
      return fieldsOf(12, (view) => {
        view.setUint16(0, infoType.export)
        putSize(view, 2, info.sizeBytes)
        view.setUint16(10, info.flags)
      })
    case 'name':
    case 'description': {
      const type = fieldsOf(2, (view) => view.setUint16(0, infoType[info.kind]))
      return joined(type, encodeText(info.text))
    }
    case 'block-size':
      return fieldsOf(14, (view) => {
        view.setUint16(0, infoType.blockSize)
        view.setUint32(2, info.minimum)
        view.setUint32(6, info.preferred)
        view.setUint32(10, info.maximum)
      })
  }
}

/** Reads the payload of NBD_REP_INFO. @throws NbdError `protocol` */
export function decodeInfo(bytes: Uint8Array): Info {
  const fields = readFields(bytes)
  const type = fields.u16()
  if (type === infoType.export) {
    if (fields.left() !== 10) throw broken('The information about an export has a wrong length.')
    return { kind: 'export', sizeBytes: fields.size(), flags: fields.u16() }
  }
  if (type === infoType.blockSize) {
    if (fields.left() !== 12) throw broken('The block sizes have a wrong length.')
    return checkedBlockSizes({ minimum: fields.u32(), preferred: fields.u32(), maximum: fields.u32() })
  }
  if (type === infoType.name) return { kind: 'name', text: fields.text(fields.left()) }
  if (type === infoType.description) return { kind: 'description', text: fields.text(fields.left()) }
  return { kind: 'other' }
}

function checkedBlockSizes(sizes: BlockSizes): Info {
  const { minimum, preferred, maximum } = sizes
  const isPower = (value: number) => value > 0 && Number.isInteger(Math.log2(value))
  if (!isPower(minimum) || !isPower(preferred) || minimum > 65_536 || preferred < Math.max(minimum, 512))
    throw broken('The minimum or the preferred block size breaks the rules.')
  // A maximum is a multiple of the minimum, or all ones when there is none.
  if (maximum < minimum || (maximum !== 0xffff_ffff && maximum % minimum !== 0))
    throw broken('The maximum block size breaks the rules.')
  return { kind: 'block-size', ...sizes }
}

/** An export as NBD_OPT_LIST shows it. */
export interface ListedExport {
  readonly name: string
  /** What the server says about it; empty when it says nothing. */
  readonly description: string
}

/** Makes the payload of NBD_REP_SERVER. */
export function encodeListedExport({ name, description }: ListedExport): Uint8Array {
  return joined(lengthAndText(name), encodeText(description))
}

/** Reads the payload of NBD_REP_SERVER. @throws NbdError `protocol` */
export function decodeListedExport(bytes: Uint8Array): ListedExport {
  const fields = readFields(bytes)
  const name = fields.text(fields.u32())
  return { name, description: fields.text(fields.left()) }
}

/** Contexts that a client asks about. */
export interface ContextRequest {
  readonly exportName: string
  /** Names; to list, also a namespace with its colon. */
  readonly queries: readonly string[]
}

/** Makes the payload of NBD_OPT_LIST_META_CONTEXT and NBD_OPT_SET_META_CONTEXT. */
export function encodeContextRequest({ exportName, queries }: ContextRequest): Uint8Array {
  const count = fieldsOf(4, (view) => view.setUint32(0, queries.length))
  return joined(lengthAndText(exportName), count, ...queries.map(lengthAndText))
}

/** Reads the payload of NBD_OPT_LIST_META_CONTEXT and NBD_OPT_SET_META_CONTEXT. @throws NbdError `protocol` */
export function decodeContextRequest(bytes: Uint8Array): ContextRequest {
  const fields = readFields(bytes)
  const exportName = fields.text(fields.u32())
  const count = fields.u32()
  if (count * 4 > fields.left()) throw broken('The list of contexts has another length than it says.')
  const queries = Array.from({ length: count }, () => fields.text(fields.u32()))
  if (fields.left() !== 0) throw broken('Bytes follow the list of contexts.')
  return { exportName, queries }
}

/** A context with the number that stands for it on this connection. */
export interface GrantedContext {
  readonly id: number
  readonly name: string
}

/** Makes the payload of NBD_REP_META_CONTEXT. */
export function encodeGrantedContext({ id, name }: GrantedContext): Uint8Array {
  return joined(
    fieldsOf(4, (view) => view.setUint32(0, id)),
    encodeText(name),
  )
}

/** Reads the payload of NBD_REP_META_CONTEXT. @throws NbdError `protocol` */
export function decodeGrantedContext(bytes: Uint8Array): GrantedContext {
  const fields = readFields(bytes)
  return { id: fields.u32(), name: fields.text(fields.left()) }
}
