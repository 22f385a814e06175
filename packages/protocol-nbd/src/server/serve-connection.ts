import type { Socket } from 'node:net'
import { isNbdError, NbdError } from '../nbd-error.js'
import { createIntake, type Intake } from '../wire/intake.js'
import type { Parser } from '../wire/parser.js'
import type { NbdExport, NbdExports, NbdPeer } from './nbd-export.js'
import { type Ending, type Host, haggle, welcome } from './negotiate.js'
import { type NbdServerTls, secureServer } from './server-tls.js'
import { createTransmission, type RequestLimits, type Transmission } from './transmission.js'

/** What a server does with every client. */
export interface ConnectionRules extends RequestLimits {
  readonly exports: NbdExports
  readonly tls: NbdServerTls | undefined
  readonly requireTls: boolean
  readonly allow: (peer: NbdPeer) => boolean | Promise<boolean>
  readonly handshakeTimeoutMs: number
  readonly onConnection: (peer: NbdPeer, disk: NbdExport) => void
  readonly onError: (error: NbdError, peer: NbdPeer) => void
  readonly isStopping: () => boolean
}

/** A client. */
export interface ServedConnection {
  readonly peer: () => NbdPeer
  /** Name of the export that is open. */
  readonly exportName: () => string | undefined
  /** Lets replies that are being made go out, and hangs up. */
  readonly stop: () => Promise<void>
  /** Settles when the connection is gone and nothing is done for it any more. */
  readonly closed: Promise<void>
}

/** How long replies may still leave when the server stops. */
const farewellMs = 500

/** Serves a client from the greeting to the end. */
export function serveConnection(raw: Socket, rules: ConnectionRules): ServedConnection {
  let peer: NbdPeer = {
    address: raw.remoteAddress,
    isTls: false,
    fingerprint256: undefined,
    pskIdentity: undefined,
  }
  let socket = raw
  let disk: NbdExport | undefined
  let transmission: Transmission | undefined
  let intake: Intake | undefined
  const gone = new AbortController()
  const closed = Promise.withResolvers<void>()

  const complain = (error: unknown) => {
    if (gone.signal.aborted) return
    try {
      rules.onError(asNbdError(error), peer)
    } catch {
      // A hook that fails has nobody to be reported to, and must not take the other clients down.
    }
  }
  const hangUp = () => {
    clearTimeout(handshake)
    socket.destroy()
    raw.destroy()
  }
  const take = (bytes: Uint8Array) => intake?.push(bytes)
  const handshake = setTimeout(() => {
    complain(new NbdError('timeout', 'A client did not finish the negotiation in time.'))
    hangUp()
  }, rules.handshakeTimeoutMs)

  function host(): Host {
    const mode = rules.tls === undefined ? 'none' : peer.isTls ? 'done' : rules.requireTls ? 'required' : 'offered'
    return {
      send: (bytes) => {
        socket.write(bytes)
      },
      drained: () => (socket.writableNeedDrain ? new Promise((resolve) => socket.once('drain', resolve)) : undefined),
      find: async (name) => await rules.exports.find(name, peer),
      list: async () => await rules.exports.list?.(peer),
      mayEnter: async () => await rules.allow(peer),
      tls: mode,
      maxRequestBytes: rules.maxRequestBytes,
    }
  }

  function* converse(negotiation: Parser<Ending>): Parser<Ending> {
    const ending = yield* negotiation
    if (ending.kind !== 'opened') return ending
    clearTimeout(handshake)
    disk = ending.agreement.disk
    transmission = createTransmission(ending.agreement, {
      ...rules,
      send: sendPieces,
      hangUp,
      onExportError: complain,
      signal: gone.signal,
    })
    rules.onConnection(peer, disk)
    yield* transmission.parser()
    return ending
  }

  function start(negotiation: Parser<Ending>): void {
    intake = createIntake(converse(negotiation), {
      onResult: (ending) => {
        if (ending.kind === 'tls') goSecure(ending.hasZeroes).catch(fail)
        else leave().catch(fail)
      },
      onFailure: fail,
      onWait: () => socket.pause(),
      onGo: () => socket.resume(),
    })
  }

  function fail(error: unknown): void {
    complain(error)
    hangUp()
  }

  async function goSecure(hasZeroes: boolean): Promise<void> {
    if (rules.tls === undefined || (intake?.unreadBytes() ?? 0) > 0)
      throw new NbdError('protocol', 'The client sent bytes between its wish for TLS and the handshake.')
    raw.off('data', take)
    const secured = await secureServer(raw, rules.tls)
    const { fingerprint256, pskIdentity } = secured
    peer = { ...peer, isTls: true, fingerprint256, pskIdentity }
    socket = secured.socket
    socket.on('error', () => hangUp())
    start(haggle(host(), hasZeroes))
    socket.on('data', take)
  }

  /** Sends what is under way, and hangs up. */
  async function leave(): Promise<void> {
    const timer = setTimeout(hangUp, farewellMs)
    await transmission?.settled()
    socket.end(() => hangUp())
    await closed.promise
    clearTimeout(timer)
  }

  function sendPieces(pieces: readonly Uint8Array[], onSent: () => void): void {
    if (socket.destroyed) {
      onSent()
      return
    }
    const last = pieces.length - 1
    socket.cork()
    pieces.forEach((piece, index) => {
      if (index === last) socket.write(piece, onSent)
      else socket.write(piece)
    })
    socket.uncork()
  }

  raw.setNoDelay(true)
  raw.setKeepAlive(true)
  raw.on('error', () => hangUp())
  raw.once('close', () => {
    hangUp()
    gone.abort(new NbdError('closed', 'The client is gone.'))
    intake?.fail(new NbdError('closed', 'The client is gone.'))
    const work = transmission?.settled() ?? Promise.resolve()
    work.then(closed.resolve, closed.resolve)
  })
  raw.on('data', take)
  start(welcome(host()))

  return {
    peer: () => peer,
    exportName: () => disk?.name,
    stop: async () => {
      if (transmission === undefined) hangUp()
      else await leave()
      await closed.promise
    },
    closed: closed.promise,
  }
}

function asNbdError(error: unknown): NbdError {
  if (isNbdError(error)) return error
  return new NbdError('io', 'An export or a hook of the server failed.', { cause: error })
}
