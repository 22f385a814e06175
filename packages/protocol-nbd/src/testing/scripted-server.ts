import { once } from 'node:events'
import { createServer, type Socket } from 'node:net'
import type { NbdAddress } from '../address.js'

/** A server that says what a test wants it to say, byte for byte. */
export interface ScriptedServer extends AsyncDisposable {
  readonly address: NbdAddress
}

/** The server's side of a scripted conversation. */
export interface ScriptedTalk {
  readonly send: (...pieces: readonly Uint8Array[]) => void
  /** Waits for that many bytes of the client; rejects when it hangs up first. */
  readonly expect: (countBytes: number) => Promise<Uint8Array>
  readonly hangUp: () => void
}

/** Starts a server on a free loopback port that runs a script for every client; the client's hanging up ends it quietly. */
export async function scriptedServer(script: (talk: ScriptedTalk) => Promise<void>): Promise<ScriptedServer> {
  const sockets = new Set<Socket>()
  const server = createServer((socket) => {
    sockets.add(socket)
    socket.on('error', () => {})
    socket.on('close', () => sockets.delete(socket))
    script(talkOver(socket)).then(
      () => {
        socket.end()
        socket.resume()
      },
      () => socket.destroy(),
    )
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const bound = server.address()
  const port = typeof bound === 'object' && bound !== null ? bound.port : 0
  return {
    address: { host: '127.0.0.1', port },
    [Symbol.asyncDispose]: async () => {
      for (const socket of sockets) socket.destroy()
      await new Promise<void>((resolve) => server.close(() => resolve()))
    },
  }
}

function talkOver(socket: Socket): ScriptedTalk {
  let wake = () => {}
  // One listener for good: a stream that has bytes tells every new one at once, which would end in a busy loop.
  socket.on('readable', () => wake())
  socket.on('close', () => wake())
  return {
    send: (...pieces) => {
      for (const piece of pieces) socket.write(piece)
    },
    expect: async (countBytes) => {
      for (;;) {
        const bytes: unknown = countBytes === 0 ? new Uint8Array(0) : socket.read(countBytes)
        if (bytes instanceof Uint8Array && bytes.length === countBytes) return bytes
        if (socket.readableEnded || socket.destroyed) throw new Error('The client hung up.')
        await new Promise<void>((resolve) => {
          wake = resolve
        })
      }
    },
    hangUp: () => socket.destroy(),
  }
}
