import { NbdError } from '../nbd-error.js'
import { command, commandFlag, transmissionFlag } from '../wire/constants.js'
import { rangeStatus } from './block-status.js'
import type { Request } from './connection.js'
import type { NbdClient, NbdFlags, NbdWriteOptions } from './nbd-client.js'
import type { OpenedExport } from './negotiate.js'
import { hangUp, type Reached } from './open-connection.js'
import { checkRange, piecesOf, type Range } from './ranges.js'

/** A connection to an open export. */
export type OpenedConnection = Reached & { readonly outcome: OpenedExport }

/** Makes the client of one or more connections to one export; they must agree on it. */
export function makeClient(
  first: OpenedConnection,
  others: readonly OpenedConnection[],
  requestBytes: number,
  lost: Promise<NbdError>,
): NbdClient {
  const all = [first, ...others]
  const { sizeBytes, blockSizes, description, contexts, flags: bits } = first.outcome
  const has = (bit: number) => (bits & bit) !== 0
  const flags: NbdFlags = {
    canFlush: has(transmissionFlag.flush),
    canFua: has(transmissionFlag.fua),
    canTrim: has(transmissionFlag.trim),
    canZero: has(transmissionFlag.writeZeroes),
    canFastZero: has(transmissionFlag.fastZero),
    canMultiConn: has(transmissionFlag.multiConn),
    canDf: has(transmissionFlag.dontFragment),
  }
  const pieceBytes = alignedMaximum(Math.min(requestBytes, blockSizes.maximum), blockSizes.minimum)
  const wideBytes = alignedMaximum(Math.min(2 ** 30, blockSizes.maximum), blockSizes.minimum)
  const closed = Promise.withResolvers<NbdError | undefined>()
  lost.then(closed.resolve).catch(closed.resolve)
  let turn = 0

  async function spread(range: Range, maxBytes: number, requestOf: (piece: Range) => Request, signal?: AbortSignal) {
    checkRange(range, sizeBytes, blockSizes)
    const runs = Array.from(piecesOf(range, maxBytes), (piece) => {
      turn = (turn + 1) % all.length
      return (all[turn] ?? first).connection.run(requestOf(piece), signal)
    })
    // All must settle, or a buffer could be touched after the caller was told.
    const results = await Promise.allSettled(runs)
    for (const result of results) if (result.status === 'rejected') throw result.reason
  }

  function mustHave(isThere: boolean, what: string): void {
    if (!isThere) throw new NbdError('unsupported', `The server does not offer ${what} for this export.`)
  }

  /** Checks what changes data, and makes its flags. */
  function changing({ fua = false }: NbdWriteOptions): number {
    if (has(transmissionFlag.readOnly)) throw new NbdError('unsupported', 'The export is read-only.')
    if (fua) mustHave(flags.canFua, 'writing through')
    return fua ? commandFlag.fua : 0
  }

  return {
    sizeBytes,
    readOnly: has(transmissionFlag.readOnly),
    flags,
    blockSizes,
    description,
    contexts: contexts.map(({ name }) => name),
    connections: all.length,
    closed: closed.promise,
    read: async (start, into, { signal } = {}) => {
      const requestOf = ({ offset, lengthBytes }: Range): Request => {
        const at = offset - start
        const part = lengthBytes === into.length ? into : into.subarray(at, at + lengthBytes)
        return { command: command.read, offset, lengthBytes, into: part }
      }
      await spread({ offset: start, lengthBytes: into.length }, pieceBytes, requestOf, signal)
    },
    write: async (start, bytes, options = {}) => {
      const requestFlags = changing(options)
      const requestOf = ({ offset, lengthBytes }: Range): Request => {
        const data = bytes.subarray(offset - start, offset - start + lengthBytes)
        return { command: command.write, flags: requestFlags, offset, lengthBytes, data }
      }
      await spread({ offset: start, lengthBytes: bytes.length }, pieceBytes, requestOf, options.signal)
    },
    trim: async (offset, length, options = {}) => {
      mustHave(flags.canTrim, 'trimming')
      const requestFlags = changing(options)
      const requestOf = (piece: Range) => ({ command: command.trim, flags: requestFlags, ...piece })
      await spread({ offset, lengthBytes: length }, wideBytes, requestOf, options.signal)
    },
    writeZeroes: async (offset, length, options = {}) => {
      mustHave(flags.canZero, 'writing zeros')
      if (options.fast === true) mustHave(flags.canFastZero, 'fast zeros')
      const requestFlags =
        changing(options) |
        (options.space === 'allocate' ? commandFlag.noHole : 0) |
        (options.fast === true ? commandFlag.fastZero : 0)
      const requestOf = (piece: Range) => ({ command: command.writeZeroes, flags: requestFlags, ...piece })
      await spread({ offset, lengthBytes: length }, wideBytes, requestOf, options.signal)
    },
    flush: async ({ signal } = {}) => {
      if (!flags.canFlush) return
      // Without multi-conn there is one connection; with it, a flush on any covers all.
      await first.connection.run({ command: command.flush, offset: 0, lengthBytes: 0 }, signal)
    },
    blockStatus: async function* (name, offset, length, { signal } = {}) {
      const context = contexts.find((candidate) => candidate.name === name)
      if (context === undefined) throw new NbdError('unsupported', 'The server did not grant this context.')
      checkRange({ offset, lengthBytes: length }, sizeBytes, blockSizes)
      const run = (request: Request) => first.connection.run(request, signal)
      yield* rangeStatus(run, context.id, offset, offset + length)
    },
    [Symbol.asyncDispose]: async () => {
      closed.resolve(undefined)
      await Promise.all(all.map(farewell))
    },
  }
}

/** Takes leave of the server; who has requests in flight just hangs up. */
async function farewell({ connection, channel }: OpenedConnection): Promise<void> {
  if (connection.inFlight() > 0) connection.fail(new NbdError('closed', 'The client was closed.'))
  else connection.leave()
  await hangUp(channel)
  connection.fail(new NbdError('closed', 'The client was closed.'))
}

function alignedMaximum(bytes: number, minimum: number): number {
  return Math.max(minimum, bytes - (bytes % minimum))
}
