import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import { option, optionReply } from '../../src/wire/constants.js'
import { decodeReplyHeader, encodeClientFlags, encodeOption } from '../../src/wire/handshake.js'
import { encodeInfoRequest } from '../../src/wire/option-payloads.js'

/** A client without manners: sends what it is told, and reads what it is told. */
export interface RawClient extends AsyncDisposable {
  readonly socket: Socket
  readonly send: (...pieces: readonly Uint8Array[]) => void
  /** Reads so many bytes; undefined when the server hung up first or 5 s went by. */
  readonly read: (countBytes: number) => Promise<Uint8Array | undefined>
  /** Waits until the server hangs up, for at most 5 s. */
  readonly isHungUp: () => Promise<boolean>
}

/** Connects to a unix socket. */
export async function rawClient(path: string): Promise<RawClient> {
  const socket = connect(path)
  socket.on('error', () => {})
  await once(socket, 'connect')
  return {
    socket,
    send: (...pieces) => {
      for (const piece of pieces) socket.write(piece)
    },
    read: async (countBytes) => {
      for (const end = performance.now() + 5000; performance.now() < end; ) {
        const bytes: unknown = socket.read(countBytes)
        if (bytes instanceof Uint8Array && bytes.length === countBytes) return bytes
        if (socket.destroyed || socket.readableEnded) return undefined
        await sleep(2)
      }
      return undefined
    },
    isHungUp: async () => {
      socket.resume()
      for (const end = performance.now() + 5000; performance.now() < end; await sleep(2))
        if (socket.destroyed || socket.readableEnded) return true
      return false
    },
    [Symbol.asyncDispose]: async () => {
      socket.destroy()
    },
  }
}

/** Reads the reply to an option: its type and payload. */
export async function optionAnswer(client: RawClient) {
  const head = await client.read(20)
  if (head === undefined) return undefined
  const { type, lengthBytes } = decodeReplyHeader(head)
  const payload = lengthBytes === 0 ? new Uint8Array(0) : await client.read(lengthBytes)
  return { type, payload: payload ?? new Uint8Array(0) }
}

/** Takes part in the negotiation up to the options. */
export async function greeted(path: string): Promise<RawClient> {
  const client = await rawClient(path)
  await client.read(18)
  client.send(encodeClientFlags(3))
  return client
}

/** Opens the default export. */
export async function opened(path: string, isStructured: boolean): Promise<RawClient> {
  const client = await greeted(path)
  if (isStructured) {
    client.send(encodeOption(option.structuredReply))
    await optionAnswer(client)
  }
  client.send(encodeOption(option.go, encodeInfoRequest({ name: '', wishes: [] })))
  for (;;) {
    const answer = await optionAnswer(client)
    if (answer === undefined) throw new Error('The server did not open its export.')
    if (answer.type === optionReply.ack) return client
  }
}
