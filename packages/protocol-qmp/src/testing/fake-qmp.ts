import type { Duplex } from 'node:stream'
import type { JsonRecord } from '../wire/fields.js'
import { jsonObjects } from '../wire/json-objects.js'
import type { QemuVersion } from '../wire/version.js'
import { answerTo, type FakeAnswers, type FakeCall, readCall } from './fake-answers.js'
import { type FakeConnections, fakeConnections } from './fake-connections.js'

/** How a fake QEMU behaves. */
export interface FakeQmpOptions {
  /** Commands that it knows; others fail with `CommandNotFound`. Answers may come out of order. */
  readonly answers?: FakeAnswers
  /** @defaultValue 7.2.22 */
  readonly version?: Partial<QemuVersion>
  /** False for a QEMU that another client holds: it connects and says nothing. @defaultValue true */
  readonly greets?: boolean
}

/** A QEMU without a machine, for tests of what talks QMP. */
export interface FakeQmp extends FakeConnections {
  /** Commands that came, in order, without the negotiation. */
  readonly calls: readonly FakeCall[]
  /** Sends an event to every client. */
  readonly emit: (event: string, data?: JsonRecord) => void
}

const longestRequestBytes = 2 ** 24

/** Makes a fake QEMU. */
export function fakeQmp({ answers = {}, version = {}, greets = true }: FakeQmpOptions = {}): FakeQmp {
  const calls: FakeCall[] = []
  const { major = 7, minor = 2, micro = 22, package: pack = 'fake' } = version
  const greeting = { QMP: { version: { qemu: { major, minor, micro }, package: pack }, capabilities: ['oob'] } }

  const connections = fakeConnections((stream) => {
    const requests = jsonObjects({ maxBytes: longestRequestBytes })
    let isNegotiated = false

    const answer = async (call: FakeCall, id: unknown) => {
      calls.push(call)
      const message = await answerTo(answers, call)
      if (message !== undefined) send(stream, { ...message, id })
    }

    stream.on('data', (chunk: Uint8Array) => {
      for (const request of requests.push(chunk)) {
        const { id, ...call } = readCall(request)
        if (call.command === 'qmp_capabilities') {
          isNegotiated = true
          send(stream, { return: {}, id })
        } else if (isNegotiated) void answer(call, id)
        else send(stream, { error: notNegotiated, id })
      }
    })
    if (greets) send(stream, greeting)
  })

  return {
    ...connections,
    calls,
    emit: (event, data) => {
      const nowMs = Date.now()
      const timestamp = { seconds: Math.floor(nowMs / 1000), microseconds: (nowMs % 1000) * 1000 }
      connections.send(line({ timestamp, event, data }))
    },
  }
}

const notNegotiated = {
  class: 'CommandNotFound',
  desc: "Expecting capabilities negotiation with 'qmp_capabilities'",
}

function send(stream: Duplex, message: JsonRecord): void {
  if (stream.writable) stream.write(line(message))
}

function line(message: JsonRecord): string {
  return `${JSON.stringify(message)}\r\n`
}
