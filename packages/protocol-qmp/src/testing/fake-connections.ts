import { createServer, type Server } from 'node:net'
import { type Duplex, duplexPair } from 'node:stream'

/** How a fake is reached. */
export interface FakeConnections extends AsyncDisposable {
  /** Connects in memory. */
  readonly connect: () => Duplex
  /** Listens on a unix socket too, until the fake is disposed. */
  readonly listen: (path: string) => Promise<void>
  /** Sends bytes as they are to every client. */
  readonly send: (bytes: Uint8Array | string) => void
  /** Ends every connection, as a QEMU that dies does. New ones may be made. */
  readonly cut: () => void
}

/** Accepts connections and hands each to `serve`. */
export function fakeConnections(serve: (stream: Duplex) => void): FakeConnections {
  const open = new Set<Duplex>()
  const servers: Server[] = []

  const accept = (stream: Duplex, end: () => void) => {
    open.add(stream)
    stream.on('close', () => open.delete(stream))
    // A client that is gone is no problem of the fake's.
    stream.on('error', end)
    stream.on('end', end)
    serve(stream)
  }

  const cut = () => {
    for (const stream of [...open]) stream.destroy()
  }

  return {
    connect: () => {
      const [client, server] = duplexPair()
      server.on('close', () => client.destroy())
      client.on('close', () => server.destroy())
      accept(server, () => server.destroy())
      return client
    },
    listen: async (path) => {
      const server = createServer((socket) => accept(socket, () => socket.destroy()))
      servers.push(server)
      await new Promise<void>((resolve, reject) => {
        server.once('error', reject)
        server.listen(path, resolve)
      })
    },
    send: (bytes) => {
      for (const stream of open) stream.write(bytes)
    },
    cut,
    [Symbol.asyncDispose]: async () => {
      cut()
      await Promise.all(servers.map((server) => new Promise((resolve) => server.close(resolve))))
    },
  }
}
