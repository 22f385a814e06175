import { broken, isNbdError } from '../nbd-error.js'
import { decodeText, viewOf } from '../wire/bytes.js'
import { handshakeFlag, option, optionReply } from '../wire/constants.js'
import {
  decodeOptionHeader,
  encodeExportSummary,
  encodeGreeting,
  encodeOptionReply,
  optionHeaderBytes,
} from '../wire/handshake.js'
import { decodeContextRequest, decodeInfoRequest, encodeListedExport } from '../wire/option-payloads.js'
import { type Parser, take, waitFor } from '../wire/parser.js'
import { type ExportContext, flagsOf } from './export-facts.js'
import { infoReplies } from './info-replies.js'
import { chosenContexts, contextReplies } from './meta-contexts.js'
import type { NbdExport, NbdExports } from './nbd-export.js'

/** What a client and the server agreed on. */
export interface Agreement {
  readonly disk: NbdExport
  readonly hasStructuredReplies: boolean
  readonly contexts: readonly ExportContext[]
}

/** How a negotiation ends: with an export, a TLS handshake, or a farewell. */
export type Ending =
  | { readonly kind: 'opened'; readonly agreement: Agreement }
  | { readonly kind: 'tls'; readonly hasZeroes: boolean }
  | { readonly kind: 'left' }

/** What a negotiation needs to know. */
export interface Host {
  readonly send: (bytes: Uint8Array) => void
  readonly find: (name: string) => Promise<NbdExport | undefined>
  /** The exports that may be listed; undefined when none may. */
  readonly list: () => Promise<Awaited<ReturnType<NonNullable<NbdExports['list']>>> | undefined>
  /** Tells whether this client may ask anything; told apart from `find` to be asked once. */
  readonly mayEnter: () => Promise<boolean>
  /** Waits until the client has read enough of what was sent; undefined when there is no need. */
  readonly drained: () => Promise<void> | undefined
  readonly tls: 'none' | 'offered' | 'required' | 'done'
  readonly maxRequestBytes: number
}

/** Most bytes of an option, and most options of one client. */
const maxOptionBytes = 65_536
const maxOptions = 256

const knownFlags = handshakeFlag.fixedNewstyle | handshakeFlag.noZeroes

/** Greets a client. Spec: "Newstyle negotiation". @throws NbdError `protocol` */
export function* welcome(host: Host): Parser<Ending> {
  host.send(encodeGreeting(knownFlags))
  const flags = viewOf(yield* take(4)).getUint32(0)
  if ((flags & ~knownFlags) !== 0) throw broken('The client sets handshake flags that were not offered.')
  return yield* haggle(host, (flags & handshakeFlag.noZeroes) === 0)
}

/** Answers options, after the greeting or after a TLS handshake. Spec: "Option haggling". @throws NbdError `protocol` */
export function* haggle(host: Host, hasZeroes: boolean): Parser<Ending> {
  const agreed: Agreed = { hasStructuredReplies: false, chosen: undefined }
  let mayEnter: boolean | undefined
  for (let count = 0; count < maxOptions; count++) {
    const busy = host.drained()
    if (busy !== undefined) yield busy
    const header = decodeOptionHeader(yield* take(optionHeaderBytes))
    const reply: Reply = (type, payload) => host.send(encodeOptionReply(header.option, type, payload))
    if (header.lengthBytes > maxOptionBytes) {
      reply(optionReply.tooBig)
      throw broken('The client sends an option that is too long.')
    }
    const payload = (yield* take(header.lengthBytes)).slice()
    if (header.option === option.abort) {
      reply(optionReply.ack)
      return { kind: 'left' }
    }
    if (header.option === option.startTls) {
      if (mayStartTls(host, payload, reply)) return { kind: 'tls', hasZeroes }
      continue
    }
    if (host.tls === 'required') {
      if (header.option === option.exportName)
        throw broken('The client opens an export without the TLS that is demanded.')
      reply(optionReply.tlsRequired)
      continue
    }
    mayEnter ??= yield* waitFor(host.mayEnter())
    if (!mayEnter) {
      // There is no refusing this option but by hanging up.
      if (header.option === option.exportName) return { kind: 'left' }
      reply(optionReply.policy)
      continue
    }
    switch (header.option) {
      case option.exportName:
        return yield* openByName(host, agreed, payload, hasZeroes)
      case option.list:
        yield* list(host, payload, reply)
        break
      case option.structuredReply:
        if (payload.length === 0) agreed.hasStructuredReplies = true
        reply(payload.length === 0 ? optionReply.ack : optionReply.invalid)
        break
      case option.info:
      case option.go: {
        const disk = yield* tell(host, agreed, payload, reply)
        if (disk !== undefined && header.option === option.go) return opened(disk.found, disk.name, agreed)
        break
      }
      case option.listMetaContext:
      case option.setMetaContext:
        yield* chooseContexts(host, agreed, payload, reply, header.option === option.setMetaContext)
        break
      default:
        reply(optionReply.unsupported)
    }
  }
  throw broken('The client sends options without end.')
}

/** What was agreed on so far. */
interface Agreed {
  hasStructuredReplies: boolean
  chosen: { readonly exportName: string; readonly contexts: readonly ExportContext[] } | undefined
}

type Reply = (type: number, payload?: Uint8Array) => void

/** Contexts hold for the export that they were chosen for. */
function opened(disk: NbdExport, name: string, { hasStructuredReplies, chosen }: Agreed): Ending {
  const contexts = chosen?.exportName === name ? chosen.contexts : []
  return { kind: 'opened', agreement: { disk, hasStructuredReplies, contexts } }
}

/** Spec: "NBD_OPT_EXPORT_NAME". */
function* openByName(host: Host, agreed: Agreed, payload: Uint8Array, hasZeroes: boolean): Parser<Ending> {
  const name = decodeText(payload)
  const disk = yield* waitFor(host.find(name))
  if (disk === undefined) return { kind: 'left' }
  const flags = flagsOf(disk, agreed.hasStructuredReplies)
  host.send(encodeExportSummary({ sizeBytes: disk.sizeBytes, flags }, hasZeroes))
  return opened(disk, name, agreed)
}

/** Tells about an export. Spec: "NBD_OPT_INFO", "NBD_OPT_GO". */
function* tell(
  host: Host,
  { hasStructuredReplies }: Agreed,
  payload: Uint8Array,
  reply: Reply,
): Parser<{ readonly found: NbdExport; readonly name: string } | undefined> {
  const request = parsed(() => decodeInfoRequest(payload))
  const found = request && (yield* waitFor(host.find(request.name)))
  if (request === undefined || found === undefined) {
    reply(request === undefined ? optionReply.invalid : optionReply.unknown)
    return undefined
  }
  for (const info of infoReplies(found, request, hasStructuredReplies, host.maxRequestBytes))
    reply(optionReply.info, info)
  reply(optionReply.ack)
  return { found, name: request.name }
}

/** Spec: "NBD_OPT_LIST_META_CONTEXT", "NBD_OPT_SET_META_CONTEXT". */
function* chooseContexts(host: Host, agreed: Agreed, payload: Uint8Array, reply: Reply, isSet: boolean): Parser<void> {
  if (isSet) agreed.chosen = undefined
  const request = parsed(() => decodeContextRequest(payload))
  if (request === undefined || !agreed.hasStructuredReplies) return reply(optionReply.invalid)
  const disk = yield* waitFor(host.find(request.exportName))
  if (disk === undefined) return reply(optionReply.unknown)
  const contexts = chosenContexts(disk, request.queries, isSet)
  for (const granted of contextReplies(contexts, isSet)) reply(optionReply.metaContext, granted)
  reply(optionReply.ack)
  if (isSet) agreed.chosen = { exportName: request.exportName, contexts }
}

/** Tells whether a TLS handshake follows. Spec: "NBD_OPT_STARTTLS". */
function mayStartTls(host: Host, payload: Uint8Array, reply: Reply): boolean {
  const isOffered = host.tls === 'offered' || host.tls === 'required'
  const isFine = isOffered && payload.length === 0
  if (isFine) reply(optionReply.ack)
  else reply(host.tls === 'none' ? optionReply.unsupported : optionReply.invalid)
  return isFine
}

/** Spec: "NBD_OPT_LIST". */
function* list(host: Host, payload: Uint8Array, reply: Reply): Parser<void> {
  if (payload.length > 0) return reply(optionReply.invalid)
  const exports = yield* waitFor(host.list())
  if (exports === undefined) return reply(optionReply.policy)
  for (const { name, description = '' } of exports) reply(optionReply.server, encodeListedExport({ name, description }))
  reply(optionReply.ack)
}

/** A malformed payload is answered, not punished: its length was right. */
function parsed<Value>(decode: () => Value): Value | undefined {
  try {
    return decode()
  } catch (error) {
    if (isNbdError(error)) return undefined
    throw error
  }
}
