import type { Duplex } from 'node:stream'
import type { JsonRecord } from '../wire/fields.js'
import type { FreezeState } from '../wire/guest-answers.js'
import { guestPieces } from '../wire/guest-sync.js'
import { jsonObjects } from '../wire/json-objects.js'
import { answerTo, type FakeAnswers, type FakeCall, fakeFailure, readCall } from './fake-answers.js'
import { type FakeConnections, fakeConnections } from './fake-connections.js'

/** How a fake guest agent behaves. */
export interface FakeGuestAgentOptions {
  /** Commands that it knows, before its own `guest-ping`, `guest-info` and `guest-fsfreeze-…`. */
  readonly answers?: FakeAnswers
  /** What it freezes and thaws. @defaultValue 2 */
  readonly fileSystems?: number
  /** Sent to each client at once, such as the answer that an earlier client did not wait for. */
  readonly stale?: string | Uint8Array
  /** False for a guest that has not started: what comes is kept, and answered after `start()`. @defaultValue true */
  readonly isStarted?: boolean
}

/** A guest agent without a guest, for tests of what freezes one. Like the real one it answers one command at a time. */
export interface FakeGuestAgent extends FakeConnections {
  /** Commands that came to an answer, in order, without the synchronisation. */
  readonly calls: readonly FakeCall[]
  readonly freezeState: () => FreezeState
  /** Lets it answer. */
  readonly start: () => void
  /** Keeps what comes until `start()`. */
  readonly stop: () => void
}

const longestRequestBytes = 2 ** 24
const allowedWhileFrozen = ['guest-ping', 'guest-info', 'guest-fsfreeze-status', 'guest-fsfreeze-thaw']
/** What qemu-ga says to the delimiter before a request. */
const strayDelimiter = { error: { class: 'GenericError', desc: "JSON parse error, stray '\uFFFD'" } }

/** Makes a fake guest agent. */
export function fakeGuestAgent(options: FakeGuestAgentOptions = {}): FakeGuestAgent {
  const { answers = {}, fileSystems = 2, stale, isStarted = true } = options
  const calls: FakeCall[] = []
  let state: FreezeState = 'thawed'
  let gate = isStarted ? undefined : Promise.withResolvers<void>()

  const own: FakeAnswers = {
    'guest-ping': {},
    'guest-info': () => ({
      version: '7.2.22',
      supported_commands: Object.keys(known).map((name) => ({
        name,
        enabled: isAllowed(name),
        'success-response': true,
      })),
    }),
    'guest-fsfreeze-status': () => state,
    'guest-fsfreeze-freeze': () => {
      state = 'frozen'
      return fileSystems
    },
    'guest-fsfreeze-freeze-list': ({ args }: FakeCall) => {
      state = 'frozen'
      return Array.isArray(args['mountpoints']) ? args['mountpoints'].length : fileSystems
    },
    'guest-fsfreeze-thaw': () => {
      const thawed = state === 'frozen' ? fileSystems : 0
      state = 'thawed'
      return thawed
    },
  }
  const known: FakeAnswers = { ...own, ...answers }
  const isAllowed = (command: string) => state === 'thawed' || allowedWhileFrozen.includes(command)

  const reply = async (stream: Duplex, request: JsonRecord) => {
    await gate?.promise
    if (!stream.writable) return
    const { id: _, ...call } = readCall(request)
    if (call.command === 'guest-sync-delimited') {
      stream.write(Buffer.concat([Buffer.of(0xff), Buffer.from(`${JSON.stringify({ return: call.args['id'] })}\n`)]))
      return
    }
    calls.push(call)
    const refusal = fakeFailure(`Command ${call.command} has been disabled: the agent is in frozen state`)
    const message = await answerTo(isAllowed(call.command) ? known : { [call.command]: refusal }, call)
    if (message !== undefined && stream.writable) stream.write(`${JSON.stringify(message)}\n`)
  }

  const connections = fakeConnections((stream) => {
    const pieces = guestPieces(jsonObjects({ maxBytes: longestRequestBytes }))
    let before = Promise.resolve()
    const after = (work: () => void | Promise<void>) => {
      before = before.then(work)
    }
    stream.on('data', (chunk: Uint8Array) => {
      for (const piece of pieces(chunk)) {
        if (piece.kind === 'object') after(() => reply(stream, piece.object))
        else
          after(async () => {
            await gate?.promise
            if (stream.writable) stream.write(`${JSON.stringify(strayDelimiter)}\n`)
          })
      }
    })
    if (stale !== undefined) stream.write(stale)
  })

  return {
    ...connections,
    calls,
    freezeState: () => state,
    start: () => {
      gate?.resolve()
      gate = undefined
    },
    stop: () => {
      gate ??= Promise.withResolvers<void>()
    },
  }
}
