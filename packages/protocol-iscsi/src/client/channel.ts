import { connect, type Socket, type TcpNetConnectOpts } from 'node:net'
import { IscsiError } from '../iscsi-error.js'
import type { Pdu } from '../wire/header.js'
import { piecesOf } from '../wire/pdu-pieces.js'
import type { Digests, PduReader } from '../wire/pdu-reader.js'
import { type IscsiAddress, iscsiPort } from './portal-address.js'

/** The bytes to and from a target. */
export interface Channel {
  /** Sends a PDU, its data uncopied; calls back once the system has the bytes. */
  readonly send: (pdu: Pdu, onFlushed?: () => void) => void
  /** Holds back what `send` is given while a function runs, so that it leaves in one go. */
  readonly together: (sendAll: () => void) => void
  /** Bytes that the system has not taken yet. */
  readonly waitingBytes: () => number
  /** Holds for what is sent from now on. */
  readonly useDigests: (digests: Digests) => void
  /** Sends what is left and hangs up. */
  readonly end: () => void
  /** Hangs up now: no buffer of a caller is read or written any more. */
  readonly destroy: () => void
  /** Settles when the connection is gone. */
  readonly closed: Promise<void>
}

/** Starts to connect. The system puts what it receives where the reader says, without a copy in between. */
export function openChannel(address: IscsiAddress, reader: PduReader, onEnd: (error: IscsiError) => void): Channel {
  const gone = Promise.withResolvers<void>()
  const onread = {
    buffer: () => reader.target(),
    callback: (countBytes: number) => {
      reader.filled(countBytes)
      return true
    },
  }
  const place = { host: address.host, port: address.port ?? iscsiPort }
  const socket = startConnecting({ ...place, noDelay: true, keepAlive: true, onread })
  let digests: Digests = { header: false, data: false }
  const failWith = (cause?: unknown) =>
    onEnd(
      socket.bytesRead > 0
        ? new IscsiError('lost', 'The target closed the connection.', { cause })
        : new IscsiError('connect', `The portal ${place.host}:${place.port} cannot be reached, or hung up at once.`, {
            cause,
            hint: 'Check address and port of the portal, and that the target is running.',
          }),
    )
  socket.on('error', failWith)
  socket.once('end', () => failWith())
  socket.once('close', () => {
    failWith()
    gone.resolve()
  })

  return {
    send: (pdu, onFlushed) => {
      const pieces = piecesOf(pdu, digests)
      const last = pieces.length - 1
      socket.cork()
      for (const [index, piece] of pieces.entries()) {
        if (index === last && onFlushed !== undefined) socket.write(piece, onFlushed)
        else socket.write(piece)
      }
      socket.uncork()
    },
    together: (sendAll) => {
      socket.cork()
      try {
        sendAll()
      } finally {
        socket.uncork()
      }
    },
    waitingBytes: () => socket.writableLength,
    useDigests: (next) => {
      digests = next
    },
    end: () => {
      socket.end()
    },
    destroy: () => {
      socket.destroy()
    },
    closed: gone.promise,
  }
}

function startConnecting(options: TcpNetConnectOpts): Socket {
  try {
    return connect(options)
  } catch (cause) {
    throw new IscsiError('usage', 'The address of the portal has no meaning.', { cause })
  }
}
