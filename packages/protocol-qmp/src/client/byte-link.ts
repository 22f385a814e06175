import type { Duplex } from 'node:stream'
import { isQmpError, protocolError, QmpError } from '../qmp-error.js'

/** A connection as its user sees it: bytes in, bytes out, one end. */
export interface ByteLink {
  readonly write: (bytes: Uint8Array) => void
  /** Ends the connection; the first reason counts. Without one the end is wanted. */
  readonly end: (reason?: QmpError) => void
  /** Settles at the end: with the reason, or with undefined where the end was wanted. */
  readonly closed: Promise<QmpError | undefined>
  /** Settles when the stream has let go of its resources. */
  readonly released: Promise<void>
}

/** Who is called, synchronously. */
export interface ByteLinkUser {
  /** Takes bytes. What it throws ends the connection. */
  readonly take: (chunk: Uint8Array) => void
  /** Called once, when no more bytes come or go. */
  readonly ended: (reason: QmpError) => void
}

/** Reads a stream until it ends, breaks, or its user ends it. */
export function byteLink(stream: Duplex, { take, ended }: ByteLinkUser): ByteLink {
  const { promise: closed, resolve } = Promise.withResolvers<QmpError | undefined>()
  const { promise: released, resolve: release } = Promise.withResolvers<void>()
  let isOver = false

  const end = (reason?: QmpError) => {
    if (isOver) return
    isOver = true
    stream.destroy()
    resolve(reason)
    ended(reason ?? new QmpError('closed', 'The session was closed'))
  }

  stream.on('data', (chunk: unknown) => {
    if (isOver) return
    try {
      if (!(chunk instanceof Uint8Array)) throw protocolError('The stream gives no bytes; it must have no encoding')
      take(chunk)
    } catch (error) {
      end(
        isQmpError(error)
          ? error
          : new QmpError('closed', 'A listener threw, which ended the session', { cause: error }),
      )
    }
  })
  stream.on('end', () => end(new QmpError('closed', 'The other side closed the connection')))
  // Stays for good: an error of a stream that has ended must not end the process.
  stream.on('error', (cause) => end(new QmpError('closed', `The connection broke: ${cause.message}`, { cause })))
  stream.on('close', () => {
    release()
    end(new QmpError('closed', 'The connection was lost'))
  })

  return {
    write: (bytes) => {
      if (!isOver) stream.write(bytes)
    },
    end,
    closed,
    released,
  }
}
