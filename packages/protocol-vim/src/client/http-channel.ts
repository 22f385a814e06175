import { type ClientRequest, type IncomingMessage, Agent as PlainAgent, request as plainRequest } from 'node:http'
import { request as secureRequest } from 'node:https'
import { pipeline } from 'node:stream/promises'
import { isVimError, VimError } from '../vim-error.js'
import type { CallOptions } from './call-options.js'
import { connectError, secureAgent, type VimTls } from './server-tls.js'

/** Where a server is. */
export interface ServerAddress {
  readonly host: string
  /** @defaultValue 443, or 80 without TLS */
  readonly port?: number | undefined
  /** False speaks without any protection, as a simulator may. @defaultValue the authorities that Node trusts */
  readonly tls?: VimTls | false | undefined
}

/** A request. */
export interface HttpRequest {
  readonly method: 'GET' | 'HEAD' | 'POST' | 'PUT' | 'DELETE'
  readonly path: string
  readonly headers?: Readonly<Record<string, string>>
  /** Text, or bytes as they come. */
  readonly body?: string | AsyncIterable<Uint8Array>
}

/** The beginning of an answer. Its body must be read to its end, or disposed of. */
export interface HttpAnswer extends Disposable {
  readonly status: number
  readonly headers: IncomingMessage['headers']
  /** @throws VimError `closed`, `timeout`, `aborted` */
  readonly body: AsyncIterable<Uint8Array>
}

/** Connections to one server. */
export interface HttpChannel extends Disposable {
  readonly address: ServerAddress
  /**
   * Sends a request and resolves with the beginning of the answer, whatever its status.
   *
   * `timeoutMs` is how long the server may be silent: before it answers, and between any two pieces of what it sends.
   *
   * @throws VimError `connect`, `certificate`, `closed`, `timeout`, `aborted`
   */
  readonly send: (request: HttpRequest, options: CallOptions) => Promise<HttpAnswer>
}

/** Makes a channel of so many connections; none is opened yet. */
export function httpChannel(address: ServerAddress, connections: number): HttpChannel {
  const { host, tls = {} } = address
  const port = address.port ?? (tls === false ? 80 : 443)
  const agent =
    tls === false
      ? new PlainAgent({ keepAlive: true, maxSockets: connections, scheduling: 'lifo' })
      : secureAgent(tls, connections)
  const request = tls === false ? plainRequest : secureRequest

  const send: HttpChannel['send'] = async ({ method, path, headers, body }, { signal, timeoutMs = Infinity }) => {
    if (signal?.aborted === true) throw abortError(host, signal)
    const sent = request({ host, port, agent, method, path, headers: headersOf(headers, body) })
    let stopped: VimError | undefined
    const stop = (reason: VimError) => {
      stopped ??= reason
      sent.destroy(reason)
    }
    // What ends it here is the reason, and not what Node makes of that.
    const failed = (error: unknown) => stopped ?? asVimError(host, error)
    const silence = silenceWatch(host, timeoutMs, stop)
    const abort = () => {
      if (signal !== undefined) stop(abortError(host, signal))
    }
    signal?.addEventListener('abort', abort, { once: true })
    const end = () => {
      silence.stop()
      signal?.removeEventListener('abort', abort)
    }
    try {
      silence.begin()
      const answered = answerOf(sent)
      const [answer] = await Promise.all([answered, sendBody(sent, body, answered, silence.begin)])
      silence.pause()
      return {
        ...readable(host, answer, { silence, end, failed }),
        status: answer.statusCode ?? 0,
        headers: answer.headers,
      }
    } catch (error) {
      end()
      sent.destroy()
      throw failed(error)
    }
  }
  return { address, send, [Symbol.dispose]: () => agent.destroy() }
}

function headersOf(
  headers: HttpRequest['headers'],
  body: HttpRequest['body'],
): Readonly<Record<string, string | number>> {
  return { ...headers, ...(typeof body === 'string' && { 'content-length': Buffer.byteLength(body) }) }
}

function answerOf(sent: ClientRequest): Promise<IncomingMessage> {
  const { promise, resolve, reject } = Promise.withResolvers<IncomingMessage>()
  sent.once('response', resolve)
  sent.on('error', reject)
  return promise
}

/** Sends what there is to send; an answer that comes before all is sent ends it, since the server does not want the rest. */
async function sendBody(
  sent: ClientRequest,
  body: HttpRequest['body'],
  answered: Promise<IncomingMessage>,
  moved: () => void,
): Promise<void> {
  if (typeof body !== 'object') {
    sent.end(body)
    return
  }
  const noted = async function* () {
    for await (const piece of body) {
      moved()
      yield piece
    }
  }
  const ended = pipeline(noted, sent)
  ended.catch(() => undefined)
  await Promise.race([ended, answered])
}

interface SilenceWatch {
  /** Begins to wait, or begins anew. */
  readonly begin: () => void
  readonly pause: () => void
  readonly stop: () => void
}

/** Node's timers take no longer delay; a longer one would fire at once. */
const longestTimerMs = 2 ** 31 - 1

function silenceWatch(host: string, timeoutMs: number, stop: (error: VimError) => void): SilenceWatch {
  if (timeoutMs > longestTimerMs) return { begin: () => {}, pause: () => {}, stop: () => {} }
  let isWaiting = false
  const timer = setTimeout(() => {
    if (isWaiting) stop(new VimError('timeout', `${host} was silent for ${timeoutMs} ms.`))
  }, timeoutMs)
  return {
    begin: () => {
      isWaiting = true
      timer.refresh()
    },
    pause: () => {
      isWaiting = false
    },
    stop: () => clearTimeout(timer),
  }
}

/** What belongs to an answer whose body is still to come. */
interface Transfer {
  readonly silence: SilenceWatch
  readonly end: () => void
  /** Tells why it failed. */
  readonly failed: (error: unknown) => VimError
}

function readable(
  host: string,
  answer: IncomingMessage,
  { silence, end, failed }: Transfer,
): Pick<HttpAnswer, 'body' | typeof Symbol.dispose> {
  const pieces = async function* (): AsyncGenerator<Uint8Array> {
    try {
      silence.begin()
      for await (const piece of answer) {
        silence.pause()
        yield piece as Uint8Array
        silence.begin()
      }
      if (!answer.complete) throw new VimError('closed', `${host} hung up in the midst of an answer.`)
    } catch (error) {
      throw failed(answer.errored ?? error)
    } finally {
      end()
    }
  }
  const dispose = () => {
    end()
    if (!answer.complete || !answer.readableEnded) answer.destroy()
  }
  return { body: pieces(), [Symbol.dispose]: dispose }
}

/** Reads a body as text. @throws VimError `limit` beyond so many bytes; what reading throws */
export async function textOf(answer: HttpAnswer, maxBytes: number): Promise<string> {
  const parts: Uint8Array[] = []
  let bytes = 0
  for await (const piece of answer.body) {
    bytes += piece.length
    if (bytes > maxBytes) throw new VimError('limit', `The answer is larger than ${maxBytes} bytes.`)
    parts.push(piece)
  }
  return Buffer.concat(parts).toString('utf8')
}

function abortError(host: string, signal: AbortSignal): VimError {
  return new VimError('aborted', `${host} was no longer waited for: the call was aborted.`, { cause: signal.reason })
}

const unreachable = ['ECONNREFUSED', 'ENOTFOUND', 'EHOSTUNREACH', 'ENETUNREACH', 'ETIMEDOUT', 'EAI_AGAIN']

function asVimError(host: string, error: unknown): VimError {
  if (isVimError(error)) return error
  const cause = error instanceof Error ? error : new Error(String(error))
  if ('code' in cause && unreachable.includes(String(cause.code))) return connectError(host, cause)
  return new VimError('closed', `${host} hung up: ${cause.message}.`, { cause })
}
