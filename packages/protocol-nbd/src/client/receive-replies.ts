import { broken, NbdError } from '../nbd-error.js'
import { viewOf } from '../wire/bytes.js'
import { chunkType, command, firstErrorChunk } from '../wire/constants.js'
import type { Coverage } from '../wire/coverage.js'
import { errnoName } from '../wire/errno.js'
import { type Parser, skip, take } from '../wire/parser.js'
import {
  type BlockStatus,
  decodeBlockStatus,
  decodeError,
  decodeReplyStart,
  maxErrorBytes,
  maxStatusExtents,
  simpleReplyBytes,
} from '../wire/replies.js'

/** A request that was sent and has no complete reply yet. */
export interface PendingRequest {
  /** A value of `command`. */
  readonly command: number
  readonly offset: number
  readonly lengthBytes: number
  /** Where the data of a read goes; nowhere once the caller gave up. */
  into: Uint8Array | undefined
  /** What came of a read. */
  readonly coverage: Coverage
  /** The first error that the server told. */
  failure: NbdError | undefined
  readonly statuses: BlockStatus[]
  /** Called once, when the reply is complete. */
  readonly onReply: () => void
}

/** Requests that wait for replies. */
export interface PendingTable {
  readonly find: (cookie: bigint) => PendingRequest | undefined
  /** Called when data is about to go into a request's buffer, and with undefined afterwards. */
  readonly onFilling: (request: PendingRequest | undefined) => void
}

/** Reads replies for as long as they come. Spec: "Transmission phase". @throws NbdError `protocol`, `limit` */
export function* receiveReplies(pending: PendingTable, hasStructuredReplies: boolean): Parser<never> {
  for (;;) {
    const header = decodeReplyStart(yield simpleReplyBytes)
    const request = pending.find(header.cookie)
    if (request === undefined) throw broken('The server replies to a request that was not sent.')
    if (header.kind === 'simple') {
      yield* simpleReply(pending, request, header.error, hasStructuredReplies)
      request.onReply()
      continue
    }
    if (!hasStructuredReplies) throw broken('The server sends chunks that were not agreed on.')
    const lengthBytes = viewOf(yield 4).getUint32(0)
    yield* chunk(pending, request, header.type, lengthBytes)
    if (header.isLast) {
      finishChunks(request)
      request.onReply()
    } else if (header.type === chunkType.none) throw broken('An empty chunk is not the last of its reply.')
  }
}

function* simpleReply(
  pending: PendingTable,
  request: PendingRequest,
  error: number,
  hasStructuredReplies: boolean,
): Parser<void> {
  const isPartial = request.coverage.hasParts() || request.statuses.length > 0 || request.failure !== undefined
  if (isPartial) throw broken('A simple reply follows chunks.')
  if (error !== 0) {
    request.failure = serverError(request, error)
    return
  }
  const needsChunks =
    request.command === command.blockStatus || (request.command === command.read && hasStructuredReplies)
  if (needsChunks) throw broken('A simple reply came where chunks were agreed on.')
  if (request.command === command.read) yield* data(pending, request, 0, request.lengthBytes)
}

function* chunk(pending: PendingTable, request: PendingRequest, type: number, lengthBytes: number): Parser<void> {
  if (type >= firstErrorChunk) {
    if (lengthBytes > maxErrorBytes) throw broken('An error chunk is too long.')
    const { errno, message, offset } = decodeError(yield* take(lengthBytes), type === chunkType.errorOffset)
    const isOutside = offset !== undefined && (offset < request.offset || offset >= end(request))
    if (isOutside) throw broken('An error chunk is about a place outside of its request.')
    request.failure ??= new NbdError(
      'io',
      `The server answered ${errno}${message === '' ? '' : `: ${printable(message)}`}.`,
      {
        errno,
        offset: offset ?? request.offset,
      },
    )
    return
  }
  switch (type) {
    case chunkType.none:
      if (lengthBytes !== 0) throw broken('An empty chunk has a payload.')
      return
    case chunkType.offsetData: {
      mustBe(request, command.read)
      if (lengthBytes <= 8) throw broken('A data chunk has no data.')
      const at = place(request, viewOf(yield 8), lengthBytes - 8)
      yield* data(pending, request, at, lengthBytes - 8)
      return
    }
    case chunkType.offsetHole: {
      mustBe(request, command.read)
      if (lengthBytes !== 12) throw broken('A hole chunk has a wrong length.')
      const view = viewOf(yield 12)
      const holeBytes = view.getUint32(8)
      if (holeBytes === 0) throw broken('A hole has no length.')
      const at = place(request, view, holeBytes)
      request.into?.fill(0, at, at + holeBytes)
      return
    }
    case chunkType.blockStatus: {
      mustBe(request, command.blockStatus)
      if (lengthBytes > 4 + 8 * maxStatusExtents) throw new NbdError('limit', 'A block status is too long.')
      const status = decodeBlockStatus((yield* take(lengthBytes)).slice())
      if (request.statuses.some(({ contextId }) => contextId === status.contextId))
        throw broken('A context is in a block status twice.')
      request.statuses.push(status)
      return
    }
    default:
      throw broken('A chunk is of a type that is not known.')
  }
}

/** Takes note of data or a hole, and returns where in the request it lies. */
function place(request: PendingRequest, view: DataView, lengthBytes: number): number {
  const from = view.getUint32(0) * 2 ** 32 + view.getUint32(4)
  if (from < request.offset || from + lengthBytes > end(request)) throw broken('A chunk reaches out of its request.')
  request.coverage.add(from, from + lengthBytes)
  return from - request.offset
}

function* data(pending: PendingTable, request: PendingRequest, at: number, lengthBytes: number): Parser<void> {
  if (request.into === undefined) return yield* skip(lengthBytes)
  const isWhole = at === 0 && lengthBytes === request.into.length
  pending.onFilling(request)
  yield isWhole ? request.into : request.into.subarray(at, at + lengthBytes)
  pending.onFilling(undefined)
}

function finishChunks(request: PendingRequest): void {
  if (request.failure !== undefined) return
  if (request.command === command.read && !request.coverage.isComplete())
    throw broken('The server left out a part of what was to be read.')
  if (request.command === command.blockStatus && request.statuses.length === 0)
    throw broken('The server answered a block status without one.')
}

function mustBe(request: PendingRequest, expected: number): void {
  if (request.command !== expected) throw broken('A chunk does not fit its request.')
}

function end(request: PendingRequest): number {
  return request.offset + request.lengthBytes
}

/** Turns the error of a simple reply into ours. */
function serverError(request: PendingRequest, value: number): NbdError {
  const errno = errnoName(value)
  return new NbdError('io', `The server answered ${errno}.`, { errno, offset: request.offset })
}

/** A server's message goes into logs: nothing that moves a cursor, and not much of it. */
function printable(message: string): string {
  return message.replaceAll(/[\p{Cc}\p{Cf}]/gu, ' ').slice(0, 200)
}
