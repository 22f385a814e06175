import { connect, type NetConnectOpts, type Socket } from 'node:net'
import { type NbdAddress, nbdPort } from '../address.js'
import { broken, NbdError } from '../nbd-error.js'
import type { Intake } from '../wire/intake.js'
import { type NbdClientTls, secureClient } from './client-tls.js'

/** The bytes to and from a server. */
export interface Channel {
  /** Says who takes the bytes. */
  readonly attach: (intake: Intake) => void
  /** Sends bytes, and data after them without copying it; calls back once they are with the system. */
  readonly send: (head: Uint8Array, data?: Uint8Array, onSent?: () => void) => void
  /** Goes on over TLS; to be called when the server agreed, before anything else comes. @throws NbdError `tls-failed` */
  readonly secure: (tls: NbdClientTls) => Promise<void>
  /** Says so when nothing came or went for that long. */
  readonly watch: (timeoutMs: number, onSilence: () => void) => void
  /** Sends what is left and hangs up. */
  readonly end: () => void
  /** Hangs up now: no buffer of a caller is read or written any more. */
  readonly destroy: () => void
  /** Settles when the connection is gone. */
  readonly closed: Promise<void>
}

/**
 * Starts to connect.
 *
 * Without TLS the system puts what it receives into the buffers that the intake names, without a copy in between.
 */
export function openChannel(address: NbdAddress, mayUseTls: boolean, onEnd: (error: NbdError) => void): Channel {
  let intake: Intake | undefined
  let sentAtMs = 0
  const gone = Promise.withResolvers<void>()
  const spare = new Uint8Array(4096)
  let isSpare = true
  const direct = {
    buffer: () => {
      isSpare = intake === undefined
      return intake?.target() ?? spare
    },
    // A buffer is asked for when the last one was filled, the first before anybody is attached.
    callback: (countBytes: number) => {
      if (isSpare) intake?.push(spare.subarray(0, countBytes))
      else intake?.filled(countBytes)
      return true
    },
  }
  const place = 'path' in address ? { path: address.path } : { host: address.host, port: address.port ?? nbdPort }
  const plain = startConnecting({ ...place, noDelay: true, keepAlive: true, ...(!mayUseTls && { onread: direct }) })
  let socket: Socket = plain
  const take = (bytes: Uint8Array) => intake?.push(bytes)
  if (mayUseTls) plain.on('data', take)

  const failWith = (cause?: unknown) =>
    onEnd(
      plain.bytesRead > 0
        ? new NbdError('closed', 'The server closed the connection.', { cause })
        : new NbdError('refused', 'The server cannot be reached, or hung up without a word.', { cause }),
    )
  plain.on('error', failWith)
  plain.once('end', () => failWith())
  plain.once('close', () => {
    failWith()
    gone.resolve()
  })

  return {
    attach: (next) => {
      intake = next
    },
    send: (head, data, onSent) => {
      sentAtMs = performance.now()
      if (data === undefined) {
        socket.write(head)
        return
      }
      socket.cork()
      socket.write(head)
      socket.write(data, onSent)
      socket.uncork()
    },
    secure: async (tls) => {
      if ((intake?.unreadBytes() ?? 0) > 0)
        throw broken('The server sent bytes between its consent to TLS and the handshake.')
      plain.off('data', take)
      const secured = await secureClient(plain, address, tls)
      secured.on('data', take)
      secured.on('error', failWith)
      secured.once('end', () => failWith())
      socket = secured
    },
    watch: (timeoutMs, onSilence) => {
      socket.setTimeout(timeoutMs)
      // Not once: an idle connection may fall silent while it is used, too.
      socket.on('timeout', () => {
        // Node picks a timer, then runs what the one before set off, which may have ended the silence.
        if (performance.now() - sentAtMs < timeoutMs / 2) socket.setTimeout(timeoutMs)
        else onSilence()
      })
    },
    end: () => {
      socket.end()
    },
    destroy: () => {
      socket.destroy()
      plain.destroy()
    },
    closed: gone.promise,
  }
}

function startConnecting(options: NetConnectOpts): Socket {
  try {
    return connect(options)
  } catch (cause) {
    throw new NbdError('invalid', 'The address of the server has no meaning.', { cause })
  }
}
