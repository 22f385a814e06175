import { createServer, type Server } from 'node:net'
import { type NbdAddress, nbdPort } from '../address.js'
import { NbdError } from '../nbd-error.js'
import { fixedExports, type NbdExport, type NbdExports, type NbdPeer } from './nbd-export.js'
import { type ConnectionRules, type ServedConnection, serveConnection } from './serve-connection.js'
import { checkServerTls, type NbdServerTls } from './server-tls.js'
import type { RequestLimits } from './transmission.js'

/** How to serve. */
export interface ServeNbdOptions extends Partial<RequestLimits> {
  /** A unix socket, or a port; port 0 takes a free one. */
  readonly listen: NbdAddress
  /** A list, of which the first is the default export, or a search. */
  readonly exports: readonly NbdExport[] | NbdExports
  /** Offers TLS. */
  readonly tls?: NbdServerTls
  /** Tells nothing without TLS. @defaultValue true when `tls` is given */
  readonly requireTls?: boolean
  /** Decides about a client, once it is known: after the TLS handshake where there is one. @defaultValue everybody */
  readonly allow?: (peer: NbdPeer) => boolean | Promise<boolean>
  /** Further clients are turned away. @defaultValue 128 */
  readonly maxConnections?: number
  /** Most bytes of one request. @defaultValue 32 MiB */
  readonly maxRequestBytes?: number
  /** Most bytes of data in flight for one client; its further requests wait unread. @defaultValue 32 MiB */
  readonly maxInFlightBytes?: number
  /** Most requests in flight for one client. @defaultValue 64 */
  readonly maxInFlightRequests?: number
  /** Time for the negotiation. @defaultValue 10 000 */
  readonly handshakeTimeoutMs?: number
  /** Told when a client opens an export. */
  readonly onConnection?: (peer: NbdPeer, disk: NbdExport) => void
  /** Told what clients do wrong and what exports throw; the server goes on. */
  readonly onError?: (error: NbdError, peer: NbdPeer) => void
}

/** A client of a server. */
export interface NbdConnectionInfo {
  readonly peer: NbdPeer
  /** Undefined while the client negotiates. */
  readonly exportName: string | undefined
}

/** A server that runs; disposing of it stops it, hangs up on its clients and removes its socket. */
export interface NbdServer extends AsyncDisposable {
  /** Where it listens, with the port that it got. */
  readonly address: NbdAddress
  readonly connections: () => readonly NbdConnectionInfo[]
}

/**
 * Shows disks to NBD clients.
 *
 * Guarantee: data in memory is at most `maxConnections` × `maxInFlightBytes`, whatever clients do; one client's misuse ends its own
 * connection and no other.
 *
 * @throws NbdError `listen`, `invalid`
 */
export async function serveNbd(options: ServeNbdOptions): Promise<NbdServer> {
  const { maxConnections = 128, tls, listen } = options
  if (tls !== undefined) checkServerTls(tls)
  else if (options.requireTls === true) throw new NbdError('invalid', 'TLS is demanded without a certificate.')
  let isStopping = false
  const {
    maxRequestBytes = 32 * 2 ** 20,
    maxInFlightBytes = 32 * 2 ** 20,
    maxInFlightRequests = 64,
    handshakeTimeoutMs = 10_000,
  } = options
  for (const limit of [maxConnections, maxRequestBytes, maxInFlightBytes, maxInFlightRequests, handshakeTimeoutMs])
    if (!Number.isInteger(limit) || limit < 1 || limit >= 2 ** 31)
      throw new NbdError('invalid', 'A limit of the server is no positive number below 2^31.')
  const rules: ConnectionRules = {
    exports: asExports(options.exports),
    tls,
    requireTls: options.requireTls ?? tls !== undefined,
    allow: options.allow ?? (() => true),
    handshakeTimeoutMs,
    maxRequestBytes,
    maxInFlightBytes,
    maxInFlightRequests,
    onConnection: options.onConnection ?? (() => {}),
    onError: options.onError ?? (() => {}),
    isStopping: () => isStopping,
  }
  const open = new Set<ServedConnection>()
  const server = createServer((socket) => {
    if (open.size >= maxConnections || isStopping) {
      socket.on('error', () => {})
      socket.destroy()
      return
    }
    const connection = serveConnection(socket, rules)
    open.add(connection)
    connection.closed.finally(() => open.delete(connection)).catch(() => {})
  })
  await startListening(server, listen)
  return {
    address: boundAddress(server, listen),
    connections: () => Array.from(open, (one) => ({ peer: one.peer(), exportName: one.exportName() })),
    [Symbol.asyncDispose]: async () => {
      isStopping = true
      const closed = new Promise<void>((resolve) => server.close(() => resolve()))
      await Promise.all(Array.from(open, (connection) => connection.stop()))
      await closed
    },
  }
}

function asExports(exports: ServeNbdOptions['exports']): NbdExports {
  return isList(exports) ? fixedExports(exports) : exports
}

function isList(exports: ServeNbdOptions['exports']): exports is readonly NbdExport[] {
  return Array.isArray(exports)
}

async function startListening(server: Server, address: NbdAddress): Promise<void> {
  const place = 'path' in address ? { path: address.path } : { host: address.host, port: address.port ?? nbdPort }
  try {
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject)
      server.listen(place, () => {
        server.off('error', reject)
        resolve()
      })
    })
  } catch (cause) {
    throw new NbdError('listen', 'The server cannot listen at its address.', { cause })
  }
  // A connection that cannot be accepted is the client's problem; the server goes on.
  server.on('error', () => {})
}

function boundAddress(server: Server, address: NbdAddress): NbdAddress {
  const bound = server.address()
  if ('path' in address || bound === null || typeof bound === 'string') return address
  return { host: address.host, port: bound.port }
}
