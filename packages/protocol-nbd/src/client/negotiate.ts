import { broken, isNbdError, NbdError } from '../nbd-error.js'
import { encodeText } from '../wire/bytes.js'
import { handshakeFlag, infoType, option, optionReply } from '../wire/constants.js'
import {
  decodeExportSummary,
  decodeGreeting,
  type ExportSummary,
  encodeClientFlags,
  encodeOption,
  exportNameZeroes,
  greetingBytes,
} from '../wire/handshake.js'
import {
  type BlockSizes,
  decodeGrantedContext,
  decodeInfo,
  decodeListedExport,
  encodeContextRequest,
  encodeInfoRequest,
  type GrantedContext,
  type ListedExport,
} from '../wire/option-payloads.js'
import { type Parser, skip, take } from '../wire/parser.js'
import { ask, type Send } from './ask.js'

/** What a client wants of a server. */
export interface Goal {
  readonly purpose: 'open' | 'list-exports' | 'list-contexts'
  readonly exportName: string
  /** Contexts to be granted, or to be listed. */
  readonly contexts: readonly string[]
  readonly tls: 'no' | 'optional' | 'required'
}

/** An export that was opened, and what was agreed on about it. */
export interface OpenedExport extends ExportSummary {
  readonly blockSizes: BlockSizes
  readonly description: string | undefined
  readonly hasStructuredReplies: boolean
  readonly contexts: readonly GrantedContext[]
}

/** What the negotiation came to. */
export type Outcome =
  | ({ readonly kind: 'opened' } & OpenedExport)
  | { readonly kind: 'exports'; readonly exports: readonly ListedExport[] }
  | { readonly kind: 'contexts'; readonly names: readonly string[] }
  /** The server waits for a TLS handshake; then the options are negotiated anew with `haggle`. */
  | { readonly kind: 'tls'; readonly hasZeroes: boolean }

/** What a server without block size constraints is to be treated with. Spec: "Block size constraints". */
const usualBlockSizes: BlockSizes = { minimum: 1, preferred: 4096, maximum: 32 * 2 ** 20 }

/** Greets a server and negotiates with it. Spec: "Handshake phase". @throws NbdError */
export function* greet(send: Send, goal: Goal): Parser<Outcome> {
  const offered = decodeGreeting(yield* take(greetingBytes))
  const flags = offered & (handshakeFlag.fixedNewstyle | handshakeFlag.noZeroes)
  send(encodeClientFlags(flags))
  const hasZeroes = (flags & handshakeFlag.noZeroes) === 0
  if ((flags & handshakeFlag.fixedNewstyle) === 0) return yield* plainOldServer(send, goal, hasZeroes)
  if (goal.tls !== 'no') {
    const { refusal } = yield* ask(send, option.startTls)
    if (refusal === undefined) return { kind: 'tls', hasZeroes }
    if (goal.tls === 'required') throw new NbdError('tls-unavailable', 'The server does not offer TLS.')
  }
  return yield* haggle(send, goal, hasZeroes)
}

/** Negotiates the options, after the greeting or after a TLS handshake. @throws NbdError */
export function* haggle(send: Send, goal: Goal, hasZeroes: boolean): Parser<Outcome> {
  if (goal.purpose === 'list-exports') return yield* listExports(send)
  const { refusal } = yield* ask(send, option.structuredReply)
  if (refusal?.code === 'tls-required') throw refusal
  const hasStructuredReplies = refusal === undefined
  if (goal.purpose === 'list-contexts') {
    const listed = hasStructuredReplies ? yield* askForContexts(send, goal, option.listMetaContext) : []
    return { kind: 'contexts', names: listed.map(({ name }) => name) }
  }
  const wantsContexts = hasStructuredReplies && goal.contexts.length > 0
  const contexts = wantsContexts ? yield* askForContexts(send, goal, option.setMetaContext) : []
  return yield* open(send, goal.exportName, { hasStructuredReplies, contexts }, hasZeroes)
}

type Agreed = Pick<OpenedExport, 'hasStructuredReplies' | 'contexts'>

function* open(send: Send, name: string, agreed: Agreed, hasZeroes: boolean): Parser<Outcome> {
  const wishes = [infoType.blockSize, infoType.description]
  const { payloads, refusal } = yield* ask(send, option.go, encodeInfoRequest({ name, wishes }), optionReply.info)
  if (refusal?.code === 'unsupported') return yield* openByName(send, name, agreed, hasZeroes)
  if (refusal !== undefined) throw refusal
  let summary: ExportSummary | undefined
  let blockSizes = usualBlockSizes
  let description: string | undefined
  for (const info of payloads.map(decodeInfo)) {
    if (info.kind === 'export') summary = { sizeBytes: info.sizeBytes, flags: info.flags }
    else if (info.kind === 'block-size') blockSizes = info
    else if (info.kind === 'description') description = info.text
  }
  if (summary === undefined) throw broken('The server opened an export without telling its size.')
  const { minimum, preferred, maximum } = blockSizes
  return { kind: 'opened', ...summary, blockSizes: { minimum, preferred, maximum }, description, ...agreed }
}

/** The one option that has no reply: the server sends the size, or hangs up. Spec: "NBD_OPT_EXPORT_NAME". */
function* openByName(send: Send, name: string, agreed: Agreed, hasZeroes: boolean): Parser<Outcome> {
  send(encodeOption(option.exportName, encodeText(name)))
  let summary: ExportSummary
  try {
    summary = decodeExportSummary(yield* take(10))
  } catch (error) {
    if (isNbdError(error) && error.code === 'closed')
      throw new NbdError('unknown-export', 'The server hung up when it was asked for the export.', { cause: error })
    throw error
  }
  if (hasZeroes) yield* skip(exportNameZeroes)
  return { kind: 'opened', ...summary, blockSizes: usualBlockSizes, description: undefined, ...agreed }
}

function* plainOldServer(send: Send, goal: Goal, hasZeroes: boolean): Parser<Outcome> {
  if (goal.tls === 'required') throw new NbdError('tls-unavailable', 'The server is too old to offer TLS.')
  if (goal.purpose !== 'open') throw new NbdError('unsupported', 'The server is too old to list anything.')
  return yield* openByName(send, goal.exportName, { hasStructuredReplies: false, contexts: [] }, hasZeroes)
}

function* listExports(send: Send): Parser<Outcome> {
  const { payloads, refusal } = yield* ask(send, option.list, undefined, optionReply.server)
  if (refusal !== undefined) throw refusal
  return { kind: 'exports', exports: payloads.map(decodeListedExport) }
}

function* askForContexts(send: Send, goal: Goal, code: number): Parser<readonly GrantedContext[]> {
  const payload = encodeContextRequest({ exportName: goal.exportName, queries: goal.contexts })
  const { payloads, refusal } = yield* ask(send, code, payload, optionReply.metaContext)
  if (refusal === undefined) return payloads.map(decodeGrantedContext)
  // A server that knows no contexts grants none.
  if (refusal.code === 'unsupported') return []
  throw refusal
}
