import { connect } from 'node:net'
import type { Duplex } from 'node:stream'
import { QmpError } from '../qmp-error.js'
import { abortError } from './deadline.js'

/** Where QEMU's monitor or a guest agent's channel is. */
export type Endpoint =
  /** A unix socket. */
  | { readonly path: string }
  /** A TCP port. */
  | { readonly host: string; readonly port: number }
  /** A connection that exists, such as one through SSH. The session takes it over and destroys it at its end. */
  | { readonly stream: Duplex }

/**
 * Opens a connection.
 *
 * @throws QmpError `connect`, `closed` for a stream that has ended, or what the signal says
 */
export async function openStream(endpoint: Endpoint, signal: AbortSignal): Promise<Duplex> {
  if ('stream' in endpoint) {
    const { stream } = endpoint
    if (stream.destroyed || stream.readableEnded) throw new QmpError('closed', 'The given stream has ended before')
    return stream
  }
  const place = 'path' in endpoint ? endpoint.path : `${endpoint.host} port ${endpoint.port}`
  return await new Promise<Duplex>((resolve, reject) => {
    const socket = connect('path' in endpoint ? { path: endpoint.path } : { ...endpoint, noDelay: true })
    const abort = () => {
      socket.destroy()
      reject(abortError({ what: `A connection to ${place}` }, signal))
    }
    signal.addEventListener('abort', abort, { once: true })
    const fail = (cause: Error) => {
      signal.removeEventListener('abort', abort)
      reject(
        new QmpError('connect', `${place} cannot be connected to: ${cause.message}`, {
          cause,
          hint: 'Check that QEMU runs, that the address is the one of its options, and that this user may open it.',
        }),
      )
    }
    socket.once('error', fail)
    socket.once('connect', () => {
      signal.removeEventListener('abort', abort)
      socket.off('error', fail)
      resolve(socket)
    })
  })
}
