import { createServer, type Socket } from 'node:net'
import type { FakeGuestAgent } from '@holdfast/protocol-qmp/testing'

/** Serves a fake agent on a unix socket as QEMU's channel does: one client at a time, the next waits. */
export async function oneClientChannel(agent: FakeGuestAgent, path: string): Promise<AsyncDisposable> {
  const sockets = new Set<Socket>()
  let before = Promise.resolve()
  const server = createServer({ pauseOnConnect: true }, (socket) => {
    sockets.add(socket)
    socket.on('error', () => socket.destroy())
    const closed = new Promise<void>((resolve) => socket.on('close', () => resolve()))
    before = before.then(() => {
      if (socket.destroyed) return
      const inner = agent.connect()
      inner.on('error', () => undefined).on('close', () => socket.destroy())
      socket.on('close', () => inner.destroy())
      socket.pipe(inner).pipe(socket)
      socket.resume()
      return closed
    })
  })
  await new Promise<void>((resolve) => server.listen(path, resolve))
  return {
    [Symbol.asyncDispose]: async () => {
      for (const socket of sockets) socket.destroy()
      await new Promise((resolve) => server.close(resolve))
    },
  }
}
