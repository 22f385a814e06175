import { randomInt } from 'node:crypto'
import type { Duplex } from 'node:stream'
import { commandError, isQmpError, protocolError, QmpError } from '../qmp-error.js'
import { type CommandArguments, encodeCommand } from '../wire/command.js'
import type { JsonRecord } from '../wire/fields.js'
import { encodeSync, type GuestPiece, guestPieces, isSyncAnswer } from '../wire/guest-sync.js'
import { jsonObjects } from '../wire/json-objects.js'
import { readFailure } from '../wire/qmp-message.js'
import { type ByteLink, byteLink } from './byte-link.js'
import { type Waiting, watch } from './deadline.js'
import { turns } from './turns.js'

/** A guest agent's stream as a row of questions and answers. */
export interface AgentChannel extends Pick<ByteLink, 'end' | 'closed' | 'released'> {
  /** Makes sure that what is read next answers what is written next. */
  readonly synchronise: (options: ExchangeOptions) => Promise<void>
  /** Sends a command when its turn comes and resolves with what the agent returns. */
  readonly exchange: (command: string, args: CommandArguments | undefined, options: ExchangeOptions) => Promise<unknown>
}

/** Limits of one exchange; the time begins with its turn. */
export interface ExchangeOptions {
  readonly signal: AbortSignal | undefined
  readonly timeoutMs: number
  /** Before all commands that wait. */
  readonly isUrgent?: boolean
}

/** Who reads what comes. */
interface Reader {
  readonly take: (piece: GuestPiece) => void
  readonly reject: (error: unknown) => void
}

const absentHint = 'The guest agent may be missing, stopped or busy, or the guest is still starting.'

/** Reads and writes a guest agent's stream, one command at a time. */
export function agentChannel(stream: Duplex, { maxMessageBytes }: { readonly maxMessageBytes: number }): AgentChannel {
  const pieces = guestPieces(jsonObjects({ maxBytes: maxMessageBytes }))
  const queue = turns()
  let reader: Reader | undefined
  let isSynchronised = false
  let ending: QmpError | undefined
  /** Why the present turn is over; it may be so at a moment when nothing is read. */
  let turnFailure: QmpError | undefined

  const link = byteLink(stream, {
    take: (chunk) => {
      for (const piece of pieces(chunk)) {
        // Nobody asked: whatever it is, the next answer may be another one than it seems.
        if (reader === undefined) isSynchronised = false
        else reader.take(piece)
      }
    },
    ended: (reason) => {
      ending = reason
      // Those who wait for their turn are told when it comes.
      reader?.reject(reason)
    },
  })

  const write = async (bytes: Uint8Array, take: (piece: GuestPiece, resolve: (value: JsonRecord) => void) => void) => {
    const failure = ending ?? turnFailure
    if (failure !== undefined) throw failure
    const { promise, resolve, reject } = Promise.withResolvers<JsonRecord>()
    const done = (value: JsonRecord) => {
      reader = undefined
      resolve(value)
    }
    reader = {
      reject: (error) => {
        reader = undefined
        isSynchronised = false
        reject(error)
      },
      take: (piece) => take(piece, done),
    }
    link.write(bytes)
    return await promise
  }

  const synchronise = async () => {
    // Random, so that no answer to an earlier client has it; 47 bits, so that JavaScript and the agent hold it exactly.
    const id = randomInt(2 ** 47)
    let isDelimited = false
    await write(encodeSync(id), (piece, resolve) => {
      if (piece.kind === 'delimiter') isDelimited = true
      else if (piece.kind === 'object' && isDelimited && isSyncAnswer(piece.object, id)) {
        isSynchronised = true
        resolve(piece.object)
      }
    })
    if (!isSynchronised) throw protocolError('The guest agent talks on unasked')
  }

  const ask = async (bytes: Uint8Array) =>
    await write(bytes, (piece, resolve) => {
      if (piece.kind === 'object') resolve(piece.object)
      else reader?.reject(piece.kind === 'garbage' ? piece.error : protocolError('The agent sent a delimiter unasked'))
    })

  const inTurn = async <T>(waiting: Waiting, options: ExchangeOptions, work: () => Promise<T>): Promise<T> => {
    const { signal, timeoutMs, isUrgent = false } = options
    const endTurn = await queue.take(waiting, { signal, isUrgent })
    turnFailure = undefined
    const endWatch = watch(waiting, { signal, timeoutMs }, (error) => {
      turnFailure = error
      reader?.reject(error)
    })
    try {
      return await work()
    } catch (error) {
      // Only a refused command leaves no doubt about what the next bytes answer.
      if (!isQmpError(error) || error.code !== 'command') isSynchronised = false
      throw ending !== undefined && error === ending ? endedError(waiting, ending) : error
    } finally {
      endWatch()
      endTurn()
    }
  }

  return {
    end: link.end,
    closed: link.closed,
    released: link.released,
    synchronise: (options) =>
      inTurn(
        { what: "The guest agent's answer", command: 'guest-sync-delimited', hint: absentHint },
        options,
        synchronise,
      ),
    exchange: async (command, args, options) => {
      const bytes = encodeCommand(command, args)
      const waiting = { what: `The guest agent's answer to ${command}`, command, hint: absentHint }
      return await inTurn(waiting, options, async () => {
        if (!isSynchronised) await synchronise()
        return readAnswer(command, await ask(bytes))
      })
    },
  }
}

function readAnswer(command: string, answer: JsonRecord): unknown {
  if ('error' in answer) {
    const failure = readFailure(answer['error'])
    throw commandError(command, failure.class, failure.desc)
  }
  if (!('return' in answer)) throw protocolError(`The answer to ${command} is neither return nor error`)
  return answer['return']
}

function endedError({ command = 'The command' }: Waiting, cause: QmpError): QmpError {
  return new QmpError(cause.code, `${command} got no answer: ${cause.message}`, { command, cause })
}
