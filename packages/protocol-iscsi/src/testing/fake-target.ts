import { once } from 'node:events'
import { createServer, type Socket } from 'node:net'
import type { ChapOptions } from '../client/chap-talk.js'
import type { ScsiDevice } from '../scsi/scsi-device.js'
import type { InitiatorPdu } from '../wire/initiator-pdus.js'
import { type FakeParameters, usualFakeParameters } from './fake-parameters.js'
import type { FakeMisbehaviour } from './fake-talk.js'
import { serveConnection } from './serve-connection.js'

/** What a fake target has, and how it misbehaves. */
export interface FakeTargetOptions {
  /** Logical units by number. */
  readonly units?: ReadonlyMap<number, ScsiDevice>
  /** @defaultValue `iqn.2026-01.io.holdfast.test:fake` */
  readonly name?: string
  /** Demands CHAP; with `mutual` it proves itself, too. */
  readonly chap?: ChapOptions
  readonly parameters?: Partial<FakeParameters>
  readonly misbehaviour?: FakeMisbehaviour
}

/** A target that runs in this process. */
export interface FakeTarget extends AsyncDisposable {
  readonly host: string
  readonly port: number
  readonly name: string
  /** Kinds of the PDUs that came, in order. */
  readonly arrivals: readonly InitiatorPdu['kind'][]
  /** Connections that are open. */
  readonly connections: () => number
  /** Cuts all connections. */
  readonly cut: () => void
}

/** Starts an iSCSI target on a free loopback port, for tests. */
export async function startFakeTarget(options: FakeTargetOptions = {}): Promise<FakeTarget> {
  const { units = new Map(), name = 'iqn.2026-01.io.holdfast.test:fake', chap, misbehaviour = {} } = options
  const parameters = { ...usualFakeParameters, ...options.parameters }
  const host = '127.0.0.1'
  const sockets = new Set<Socket>()
  const arrivals: InitiatorPdu['kind'][] = []
  let port = 0
  const server = createServer((socket) => {
    sockets.add(socket)
    socket.once('close', () => sockets.delete(socket))
    const onArrival = ({ kind }: InitiatorPdu) => arrivals.push(kind)
    serveConnection(socket, {
      name,
      units,
      parameters,
      chap,
      misbehaviour,
      address: () => `${host}:${port}`,
      onArrival,
    })
  })
  server.listen(0, host)
  await once(server, 'listening')
  const bound = server.address()
  port = typeof bound === 'object' && bound !== null ? bound.port : 0
  const cut = () => {
    for (const socket of sockets) socket.destroy()
  }
  return {
    host,
    port,
    name,
    arrivals,
    connections: () => sockets.size,
    cut,
    [Symbol.asyncDispose]: async () => {
      cut()
      await new Promise<void>((resolve) => server.close(() => resolve()))
    },
  }
}
