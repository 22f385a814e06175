import { createBudget } from '../budget.js'
import { broken, isNbdError } from '../nbd-error.js'
import { command } from '../wire/constants.js'
import { type Parser, skip } from '../wire/parser.js'
import { decodeRequest, type RequestHeader, requestBytes } from '../wire/requests.js'
import { createBufferPool } from './buffer-pool.js'
import { refusalOf } from './check-request.js'
import { errnoOf, errorReply, execute, type Reply } from './execute.js'
import { blockSizesOf } from './export-facts.js'
import type { Agreement } from './negotiate.js'

/** What bounds the work for one client. */
export interface RequestLimits {
  readonly maxRequestBytes: number
  /** Data in flight, of reads and writes whose reply has not left yet. */
  readonly maxInFlightBytes: number
  readonly maxInFlightRequests: number
}

/** What answering requests needs. */
export interface RequestHost extends RequestLimits {
  /** Sends pieces; calls back when they have left, or never will. */
  readonly send: (pieces: Reply, onSent: () => void) => void
  /** Hangs up at once. */
  readonly hangUp: () => void
  /** Told what an export threw. */
  readonly onExportError: (error: unknown) => void
  /** Aborted when the client is gone. */
  readonly signal: AbortSignal
  /** The server is about to stop: new requests are refused. */
  readonly isStopping: () => boolean
}

/** Buffers that are kept for the next request of the same length. */
const keptBytes = 8 * 2 ** 20

/** The requests of one client. */
export interface Transmission {
  /** Reads requests until the client takes leave. @throws NbdError `protocol` */
  readonly parser: () => Parser<void>
  /** Resolves when no request is being carried out; none of them ever rejects. */
  readonly settled: () => Promise<void>
}

/** Answers the requests of one client in any order, within bounds: what does not fit waits unread. Spec: "Transmission phase". */
export function createTransmission(agreement: Agreement, host: RequestHost): Transmission {
  const { hasStructuredReplies, disk } = agreement
  const sizes = blockSizesOf(disk, host.maxRequestBytes)
  const slots = createBudget(host.maxInFlightRequests)
  const bytes = createBudget(host.maxInFlightBytes)
  const pool = createBufferPool(Math.min(keptBytes, host.maxInFlightBytes))
  const running = new Set<Promise<void>>()
  const nothing = new Uint8Array(0)

  function start(request: RequestHeader, buffer: Uint8Array): void {
    const task = answer(request, buffer).then((reply) => {
      const free = () => {
        if (buffer.length > 0) pool.giveBack(buffer)
        bytes.release(buffer.length)
        slots.release(1)
      }
      if (reply === undefined) {
        host.hangUp()
        free()
      } else host.send(reply, free)
      running.delete(task)
    })
    running.add(task)
  }

  /** Makes a reply; undefined when the export wants to hang up. */
  async function answer(request: RequestHeader, buffer: Uint8Array): Promise<Reply | undefined> {
    try {
      return await execute(request, agreement, buffer, { signal: host.signal })
    } catch (error) {
      host.onExportError(error)
      if (isNbdError(error) && error.code === 'closed') return undefined
      return errorReply(request, hasStructuredReplies, host.isStopping() ? 'ESHUTDOWN' : errnoOf(error))
    }
  }

  function* serve(): Parser<void> {
    for (;;) {
      const request = decodeRequest(yield requestBytes)
      if (request.command === command.disconnect) return
      const turn = slots.acquire(1)
      if (turn !== undefined) yield turn
      const isWrite = request.command === command.write
      // There is no telling such a client from one that is out of step.
      if (isWrite && request.lengthBytes > host.maxRequestBytes) throw broken('A write is longer than was agreed on.')
      const refusal = host.isStopping() ? 'ESHUTDOWN' : refusalOf(request, agreement, sizes)
      if (refusal !== undefined) {
        if (isWrite) yield* skip(request.lengthBytes)
        host.send(errorReply(request, hasStructuredReplies, refusal), () => slots.release(1))
        continue
      }
      const hasData = isWrite || request.command === command.read
      const amount = hasData ? request.lengthBytes : 0
      const room = bytes.acquire(amount)
      if (room !== undefined) yield room
      const buffer = amount > 0 ? pool.take(amount) : nothing
      if (isWrite) yield buffer
      start(request, buffer)
    }
  }

  return {
    parser: serve,
    settled: async () => {
      while (running.size > 0) await Promise.all(running)
    },
  }
}
