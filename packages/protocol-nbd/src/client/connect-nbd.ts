import type { NbdAddress } from '../address.js'
import { broken, NbdError } from '../nbd-error.js'
import { transmissionFlag } from '../wire/constants.js'
import type { ListedExport } from '../wire/option-payloads.js'
import { makeClient, type OpenedConnection } from './make-client.js'
import type { NbdClient } from './nbd-client.js'
import { leaveNegotiation, openConnection, type ReachOptions } from './open-connection.js'

/** How to open an export. */
export interface ConnectNbdOptions extends ReachOptions {
  /** @defaultValue the empty name, which is the server's default export */
  readonly exportName?: string
  /** Contexts to ask for, such as `base:allocation` or `qemu:dirty-bitmap:name`. */
  readonly metaContexts?: readonly string[]
  /**
   * Connections to use when the server allows several; where it accepts fewer, the client does with those.
   *
   * @defaultValue 1
   */
  readonly connections?: number
  /** Requests in flight on each connection. @defaultValue 16 */
  readonly windowSize?: number
  /** Most bytes of one request; longer calls are split. @defaultValue 512 KiB */
  readonly requestBytes?: number
}

const usualWindow = 16
/** What is in flight by default fits into the caches of a processor, which is faster than larger requests. */
const usualRequestBytes = 2 ** 19
/** A server that takes no more connections leaves them waiting rather than refusing. */
const otherConnectionsMs = 2000

/**
 * Opens an export.
 *
 * Abort: rejects with the reason and hangs up.
 *
 * @throws NbdError `refused`, `unknown-export`, `tls-required`, `tls-unavailable`, `tls-failed`, `timeout`, `protocol`, `limit`, `closed`, `invalid`
 */
export async function connectNbd(address: NbdAddress, options: ConnectNbdOptions = {}): Promise<NbdClient> {
  const { connections = 1, windowSize = usualWindow, requestBytes = usualRequestBytes } = options
  for (const number of [connections, windowSize, requestBytes])
    if (!Number.isSafeInteger(number) || number < 1) throw new NbdError('invalid', 'An option is no positive number.')
  const lost = Promise.withResolvers<NbdError>()
  const opened: OpenedConnection[] = []
  const onFailure = (error: NbdError) => {
    lost.resolve(error)
    for (const { connection } of opened) connection.fail(error)
  }
  const goal = {
    purpose: 'open' as const,
    exportName: options.exportName ?? '',
    contexts: options.metaContexts ?? [],
  }
  const open = async (how: ReachOptions): Promise<OpenedConnection> => {
    const reached = await openConnection(address, goal, how, { windowSize, onFailure })
    if (reached.outcome.kind !== 'opened') throw broken('The negotiation came to no export.')
    const one = { ...reached, outcome: reached.outcome }
    opened.push(one)
    return one
  }
  const first = await open(options)
  if ((first.outcome.flags & transmissionFlag.multiConn) === 0 || connections === 1)
    return makeClient(first, [], requestBytes, lost.promise)
  const timeoutMs = Math.min(otherConnectionsMs, options.timeoutMs ?? otherConnectionsMs)
  const attempts = Array.from({ length: connections - 1 }, () => open({ ...options, timeoutMs }))
  const others = (await Promise.allSettled(attempts)).flatMap((one) => (one.status === 'fulfilled' ? [one.value] : []))
  const differs = others.some(
    ({ outcome }) => outcome.sizeBytes !== first.outcome.sizeBytes || outcome.flags !== first.outcome.flags,
  )
  if (!differs && options.signal?.aborted !== true) return makeClient(first, others, requestBytes, lost.promise)
  const error = broken('The server shows the export differently on another connection.')
  for (const { connection } of opened) connection.fail(error)
  options.signal?.throwIfAborted()
  throw error
}

/** Lists the exports of a server. @throws NbdError as `connectNbd`, `refused` when the server does not tell */
export async function listNbdExports(
  address: NbdAddress,
  options: ReachOptions = {},
): Promise<readonly ListedExport[]> {
  const goal = { purpose: 'list-exports' as const, exportName: '', contexts: [] }
  const reached = await openConnection(address, goal, options, idle)
  await leaveNegotiation(reached)
  return reached.outcome.kind === 'exports' ? reached.outcome.exports : []
}

/** Which contexts to list. */
export interface ListContextsOptions extends ReachOptions {
  readonly exportName?: string
  /** Names, or namespaces with their colon such as `qemu:`. @defaultValue all */
  readonly queries?: readonly string[]
}

/** Lists the contexts of an export, such as its dirty bitmaps. @throws NbdError as `connectNbd` */
export async function listNbdContexts(
  address: NbdAddress,
  { exportName = '', queries = [], ...options }: ListContextsOptions = {},
): Promise<readonly string[]> {
  const goal = { purpose: 'list-contexts' as const, exportName, contexts: queries }
  const reached = await openConnection(address, goal, options, idle)
  await leaveNegotiation(reached)
  return reached.outcome.kind === 'contexts' ? reached.outcome.names : []
}

const idle = { windowSize: 1, onFailure: () => {} }
