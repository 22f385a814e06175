import { broken, NbdError, type NbdErrorCode } from '../nbd-error.js'
import { firstErrorReply, optionReply } from '../wire/constants.js'
import { decodeReplyHeader, encodeOption, replyHeaderBytes } from '../wire/handshake.js'
import { maxWantBytes, type Parser, skip, take } from '../wire/parser.js'

/** Sends bytes to the server. */
export type Send = (bytes: Uint8Array) => void

/** A server's answer to one option. */
export interface Answer {
  /** Payloads of the replies before the last. */
  readonly payloads: readonly Uint8Array[]
  /** Why the server declined; undefined when it agreed. */
  readonly refusal: NbdError | undefined
}

/** Most replies, and most bytes in them, that one option may get. */
const maxReplies = 10_000
const maxAnswerBytes = 8 * 2 ** 20

const refusals = new Map<number, readonly [code: NbdErrorCode, message: string]>([
  [optionReply.unsupported, ['unsupported', 'The server does not know the option.']],
  [optionReply.policy, ['refused', 'The server does not allow it.']],
  [optionReply.tlsRequired, ['tls-required', 'The server demands TLS.']],
  [optionReply.unknown, ['unknown-export', 'The server has no such export.']],
  [optionReply.shutdown, ['refused', 'The server is shutting down.']],
])

/**
 * Sends an option and reads the whole answer to it. Spec: "Option reply types".
 *
 * @throws NbdError `protocol` on a reply to something else, `limit` on an answer that does not end
 */
export function* ask(send: Send, option: number, payload?: Uint8Array, expected?: number): Parser<Answer> {
  send(encodeOption(option, payload))
  const payloads: Uint8Array[] = []
  let totalBytes = 0
  for (let replies = 0; replies < maxReplies; replies++) {
    const header = decodeReplyHeader(yield* take(replyHeaderBytes))
    const { type, lengthBytes } = header
    if (header.option !== option) throw broken('The server answers an option that was not sent.')
    if (type >= firstErrorReply) {
      // A message of the server may follow; it is for people, and may be of any length.
      if (lengthBytes > maxAnswerBytes) break
      yield* skip(lengthBytes)
      const [code, message] = refusals.get(type) ?? ['refused', 'The server declined an option.']
      return { payloads, refusal: new NbdError(code, message) }
    }
    if (lengthBytes > maxWantBytes) throw new NbdError('limit', 'A reply of the negotiation is too long.')
    totalBytes += lengthBytes
    if (totalBytes > maxAnswerBytes) break
    const bytes = (yield* take(lengthBytes)).slice()
    if (type === optionReply.ack) {
      if (lengthBytes !== 0) throw broken('An acknowledgement has a payload.')
      return { payloads, refusal: undefined }
    }
    if (type !== expected) throw broken('The server gave a reply that does not fit the option.')
    payloads.push(bytes)
  }
  throw new NbdError('limit', 'The negotiation does not end.')
}
