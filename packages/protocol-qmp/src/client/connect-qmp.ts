import { protocolError, QmpError } from '../qmp-error.js'
import { encodeCommand } from '../wire/command.js'
import { jsonObjects } from '../wire/json-objects.js'
import { type QmpMessage, readQmpMessage } from '../wire/qmp-message.js'
import type { QemuVersion } from '../wire/version.js'
import { byteLink } from './byte-link.js'
import type { CallOptions } from './call-options.js'
import { abortError, withDeadline } from './deadline.js'
import { eventHub } from './event-hub.js'
import { type Endpoint, openStream } from './open-stream.js'
import { pendingCommands } from './pending-commands.js'
import type { QmpSession } from './qmp-session.js'

/** How to connect. */
export interface ConnectQmpOptions extends CallOptions {
  /** Time for the connection, the greeting and the negotiation together. @defaultValue 10000 */
  readonly timeoutMs?: number | undefined
  /** What calls of the session take for their own `timeoutMs`. @defaultValue 60000 */
  readonly commandTimeoutMs?: number | undefined
  /** Longest message that is taken. @defaultValue 16777216 (16 MiB) */
  readonly maxMessageBytes?: number | undefined
}

const greetingWaiting = {
  what: "QEMU's greeting",
  hint: 'A monitor serves one client at a time: another may hold it. Or the socket is no QMP monitor.',
}

/**
 * Connects to QEMU's monitor and negotiates (QEMU, docs/interop/qmp-spec, section 4).
 *
 * Guarantee: when this throws, the connection is closed.
 * Abort: closes the connection.
 *
 * @throws QmpError `connect`, `closed`, `timeout`, `aborted`, `protocol`, `limit`, `command`
 */
export async function connectQmp(endpoint: Endpoint, options: ConnectQmpOptions = {}): Promise<QmpSession> {
  const { signal, timeoutMs = 10_000 } = options
  return await withDeadline(greetingWaiting, { signal, timeoutMs }, (deadline) =>
    openSession(endpoint, options, deadline),
  )
}

async function openSession(
  endpoint: Endpoint,
  { commandTimeoutMs = 60_000, maxMessageBytes = 2 ** 24 }: ConnectQmpOptions,
  deadline: AbortSignal,
): Promise<QmpSession> {
  const stream = await openStream(endpoint, deadline)
  const objects = jsonObjects({ maxBytes: maxMessageBytes })
  const commands = pendingCommands()
  const events = eventHub()
  const greeting = Promise.withResolvers<QemuVersion>()
  let isGreeted = false
  let ending: QmpError | undefined

  const handle = (message: QmpMessage) => {
    if (isGreeted === (message.kind === 'greeting')) throw protocolError('QEMU greets not, or not once')
    if (message.kind === 'greeting') {
      isGreeted = true
      greeting.resolve(message.version)
    } else if (message.kind === 'event') events.emit(message.event)
    else commands.settle(message)
  }

  const link = byteLink(stream, {
    take: (chunk) => {
      for (const object of objects.push(chunk)) handle(readQmpMessage(object))
    },
    ended: (reason) => {
      ending = reason
      greeting.reject(reason)
      commands.failAll(reason)
      events.fail(reason)
    },
  })

  const execute: QmpSession['execute'] = async (command, args, { signal, timeoutMs = commandTimeoutMs } = {}) => {
    if (signal?.aborted === true) throw abortError({ what: `The answer to ${command}`, command }, signal)
    if (ending !== undefined) {
      throw new QmpError('closed', `${command} was not sent: the session has ended`, { command, cause: ending })
    }
    const id = commands.newId()
    const bytes = encodeCommand(command, args, id)
    const answer = commands.open(id, command, { signal, timeoutMs })
    link.write(bytes)
    return await answer
  }

  const expectEvent: QmpSession['expectEvent'] = (match, { signal, timeoutMs = commandTimeoutMs } = {}) =>
    events.expect(match, { signal, timeoutMs })

  const giveUp = () => link.end(abortError(greetingWaiting, deadline))
  // It may have come while the connection was being opened.
  if (deadline.aborted) giveUp()
  else deadline.addEventListener('abort', giveUp, { once: true })
  const version = await greeting.promise
  try {
    await execute('qmp_capabilities', undefined, { signal: deadline, timeoutMs: Infinity })
  } catch (error) {
    link.end()
    // Where the connection broke, that is the reason, and not that a command got no answer.
    throw (await link.closed) ?? error
  }
  return {
    version,
    execute,
    on: events.on,
    expectEvent,
    waitForEvent: (match, callOptions) => expectEvent(match, callOptions).event,
    closed: link.closed,
    [Symbol.asyncDispose]: async () => {
      link.end()
      await link.released
    },
  }
}
