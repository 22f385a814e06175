import { once } from 'node:events'
import { connect, createServer, type Socket } from 'node:net'

/** A relay between an initiator and a target, which can be cut. */
export interface CuttingProxy extends AsyncDisposable {
  readonly port: number
  /** Cuts all connections once that many more bytes have gone to the target. */
  readonly cutAfter: (sentBytes: number) => void
}

/** Starts a relay to a port of this host. */
export async function cuttingProxy(targetPort: number): Promise<CuttingProxy> {
  const sockets = new Set<Socket>()
  let left = Number.POSITIVE_INFINITY
  const cut = () => {
    left = Number.POSITIVE_INFINITY
    for (const socket of sockets) socket.destroy()
  }
  const server = createServer((client) => {
    const target = connect({ host: '127.0.0.1', port: targetPort })
    for (const [socket, other] of [
      [client, target],
      [target, client],
    ] as const) {
      sockets.add(socket)
      socket.on('error', () => {})
      socket.once('close', () => {
        sockets.delete(socket)
        other.destroy()
      })
    }
    client.on('data', (chunk) => {
      target.write(chunk.subarray(0, left))
      left -= chunk.length
      if (left <= 0) cut()
    })
    target.pipe(client)
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const bound = server.address()
  return {
    port: typeof bound === 'object' && bound !== null ? bound.port : 0,
    cutAfter: (sentBytes) => {
      left = sentBytes
    },
    [Symbol.asyncDispose]: async () => {
      cut()
      await new Promise<void>((resolve) => server.close(() => resolve()))
    },
  }
}
