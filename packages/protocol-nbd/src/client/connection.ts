import { createBudget } from '../budget.js'
import { NbdError } from '../nbd-error.js'
import { command } from '../wire/constants.js'
import { createCoverage } from '../wire/coverage.js'
import type { BlockStatus } from '../wire/replies.js'
import { encodeRequest } from '../wire/requests.js'
import type { Channel } from './channel.js'
import type { PendingRequest, PendingTable } from './receive-replies.js'

/** One request, as a caller of a connection gives it. */
export interface Request {
  /** A value of `command`. */
  readonly command: number
  /** Bits of `commandFlag`. */
  readonly flags?: number
  readonly offset: number
  readonly lengthBytes: number
  /** Where the data of a read goes. */
  readonly into?: Uint8Array
  /** The data of a write. */
  readonly data?: Uint8Array
}

/** The requests of one connection. */
export interface Connection {
  /**
   * Sends a request when there is room in the window, and resolves with its reply.
   *
   * Guarantee: once it settles, the caller's buffers are not touched any more.
   * Abort: rejects with the reason; where data is under way, after it has come or gone, or the connection was given up.
   *
   * @throws NbdError
   */
  readonly run: (request: Request, signal?: AbortSignal) => Promise<readonly BlockStatus[]>
  /** For the parser of replies. */
  readonly pending: PendingTable
  /** Buffers that the parser fills can be taken away from it by this. */
  readonly divertBy: (divert: (onReturned: () => void) => void) => void
  /** Ends everything in flight with an error; hangs up. */
  readonly fail: (error: NbdError) => void
  /** Requests in flight. */
  readonly inFlight: () => number
  /** Tells the server that this was all. */
  readonly leave: () => void
}

/** A request in flight, which the loss of the connection finishes. */
interface SentRequest extends PendingRequest {
  /** Its reply is complete, while the system has not taken all of its data yet. */
  isAnswered: boolean
  readonly finish: (error: NbdError) => void
}

/** How long data may still come or go after its caller gave up. */
const abortGraceMs = 1000

/** Makes the requests of a connection whose negotiation ended. */
export function createConnection(
  channel: Channel,
  windowSize: number,
  onFailure: (error: NbdError) => void,
): Connection {
  const window = createBudget(windowSize)
  const inFlight = new Map<bigint, SentRequest>()
  let nextCookie = 1n
  let filling: PendingRequest | undefined
  let failure: NbdError | undefined
  let divert: (onReturned: () => void) => void = (onReturned) => onReturned()

  function fail(error: NbdError): void {
    if (failure !== undefined) return
    failure = error
    channel.destroy()
    for (const request of inFlight.values()) request.finish(error)
    inFlight.clear()
    onFailure(error)
  }

  function send(request: Request, signal: AbortSignal | undefined): Promise<readonly BlockStatus[]> {
    const { promise, resolve, reject } = Promise.withResolvers<readonly BlockStatus[]>()
    const cookie = nextCookie++
    const { offset, lengthBytes, data } = request
    let isSending = data !== undefined
    let grace: NodeJS.Timeout | undefined
    let onSent: (() => void) | undefined

    const free = () => {
      signal?.removeEventListener('abort', onAbort)
      clearTimeout(grace)
      window.release(1)
    }
    const settle = () => {
      inFlight.delete(cookie)
      free()
      if (pending.failure === undefined) resolve(pending.statuses)
      else reject(pending.failure)
    }
    const giveUp = () => {
      clearTimeout(grace)
      pending.into = undefined
      reject(signal?.reason)
    }
    const pending: SentRequest = {
      command: request.command,
      offset,
      lengthBytes,
      into: request.into,
      coverage: createCoverage(offset, offset + lengthBytes),
      failure: undefined,
      statuses: [],
      isAnswered: false,
      onReply: () => {
        if (!isSending) return settle()
        pending.isAnswered = true
        onSent = settle
      },
      finish: (error: NbdError) => {
        free()
        reject(signal?.aborted === true ? signal.reason : error)
      },
    }
    const onAbort = () => {
      if (pending.isAnswered) return
      const isFilling = filling === pending
      if (!isFilling && !isSending) return giveUp()
      grace = setTimeout(
        () => fail(new NbdError('closed', 'The connection was given up: it was stuck in an aborted request.')),
        abortGraceMs,
      )
      if (isFilling) divert(giveUp)
      else onSent = giveUp
    }

    inFlight.set(cookie, pending)
    signal?.addEventListener('abort', onAbort, { once: true })
    const header = { flags: request.flags ?? 0, command: request.command, cookie, offset, lengthBytes }
    channel.send(encodeRequest(header), data, () => {
      isSending = false
      onSent?.()
    })
    return promise
  }

  return {
    run: async (request, signal) => {
      signal?.throwIfAborted()
      const turn = window.acquire(1, signal)
      if (turn !== undefined) await turn
      if (failure !== undefined || signal?.aborted === true) {
        window.release(1)
        signal?.throwIfAborted()
        throw failure ?? new NbdError('closed', 'The connection is closed.')
      }
      return await send(request, signal)
    },
    pending: {
      find: (cookie) => {
        const request = inFlight.get(cookie)
        return request?.isAnswered === true ? undefined : request
      },
      onFilling: (request) => {
        filling = request
      },
    },
    divertBy: (by) => {
      divert = by
    },
    fail,
    inFlight: () => inFlight.size,
    leave: () => {
      if (failure !== undefined) return
      channel.send(encodeRequest({ flags: 0, command: command.disconnect, cookie: 0n, offset: 0, lengthBytes: 0 }))
    },
  }
}
