import type { NbdAddress } from '../address.js'
import { isNbdError, NbdError } from '../nbd-error.js'
import { option } from '../wire/constants.js'
import { encodeOption } from '../wire/handshake.js'
import { createIntake } from '../wire/intake.js'
import type { Parser } from '../wire/parser.js'
import { type Channel, openChannel } from './channel.js'
import type { NbdClientTls } from './client-tls.js'
import { type Connection, createConnection } from './connection.js'
import { type Goal, greet, haggle, type Outcome } from './negotiate.js'
import { receiveReplies } from './receive-replies.js'

/** How to reach a server. */
export interface ReachOptions {
  /** Secures the connection. */
  readonly tls?: NbdClientTls
  /** Refuses to go on without TLS. @defaultValue true when `tls` is given */
  readonly requireTls?: boolean
  /** Silence after which the server counts as dead, and the time that connecting may take. @defaultValue 30 000 */
  readonly timeoutMs?: number
  readonly signal?: AbortSignal
}

/** A connection whose negotiation ended. */
export interface Reached {
  readonly outcome: Exclude<Outcome, { readonly kind: 'tls' }>
  readonly connection: Connection
  readonly channel: Channel
}

/** Default of `timeoutMs`. */
const usualTimeoutMs = 30_000
/** How long a server may take to hang up after the client took leave. */
const farewellMs = 1000

/** Connects, secures the connection and negotiates. @throws NbdError, and the reason of an abort */
export async function openConnection(
  address: NbdAddress,
  goal: Omit<Goal, 'tls'>,
  { tls, requireTls, timeoutMs = usualTimeoutMs, signal }: ReachOptions,
  { windowSize, onFailure }: { readonly windowSize: number; readonly onFailure: (error: NbdError) => void },
): Promise<Reached> {
  signal?.throwIfAborted()
  if (requireTls === true && tls === undefined)
    throw new NbdError('invalid', 'TLS is demanded without a word about how.')
  if (!(timeoutMs > 0 && timeoutMs < 2 ** 31))
    throw new NbdError('invalid', 'The time limit is no number of milliseconds that a timer takes.')
  const negotiated = Promise.withResolvers<Reached['outcome']>()
  let isNegotiated = false
  const channel = openChannel(address, tls !== undefined, (error) => intake.fail(error))
  const connection = createConnection(channel, windowSize, (error) => {
    negotiated.reject(error)
    if (isNegotiated) onFailure(error)
  })
  const fail = (error: unknown) => connection.fail(asNbdError(error))
  const send = (bytes: Uint8Array) => channel.send(bytes)
  const fullGoal: Goal = { ...goal, tls: tls === undefined ? 'no' : requireTls === false ? 'optional' : 'required' }

  function* converse(negotiation: Parser<Outcome>): Parser<Outcome> {
    const outcome = yield* negotiation
    if (outcome.kind === 'tls') return outcome
    isNegotiated = true
    negotiated.resolve(outcome)
    if (outcome.kind !== 'opened') return outcome
    return yield* receiveReplies(connection.pending, outcome.hasStructuredReplies)
  }

  function start(negotiation: Parser<Outcome>) {
    const started = createIntake(converse(negotiation), {
      onResult: (outcome) => {
        if (outcome.kind === 'tls' && tls !== undefined) goSecure(tls, outcome.hasZeroes).catch(fail)
      },
      onFailure: fail,
    })
    connection.divertBy(started.divert)
    channel.attach(started)
    return started
  }

  async function goSecure(how: NbdClientTls, hasZeroes: boolean): Promise<void> {
    await channel.secure(how)
    intake = start(haggle(send, fullGoal, hasZeroes))
  }

  let intake = start(greet(send, fullGoal))
  const onAbort = () => {
    negotiated.reject(signal?.reason)
    connection.fail(new NbdError('closed', 'The caller gave up.'))
  }
  const timer = setTimeout(
    () => fail(new NbdError('timeout', 'The server does not finish the negotiation.')),
    timeoutMs,
  )
  signal?.addEventListener('abort', onAbort, { once: true })
  try {
    const outcome = await negotiated.promise
    channel.watch(timeoutMs, () => {
      if (connection.inFlight() > 0) fail(new NbdError('timeout', 'The server was silent for too long.'))
    })
    return { outcome, connection, channel }
  } finally {
    clearTimeout(timer)
    signal?.removeEventListener('abort', onAbort)
  }
}

/** Takes leave of a server that was only asked, without an export opened. */
export async function leaveNegotiation({ channel }: Reached): Promise<void> {
  channel.send(encodeOption(option.abort))
  await hangUp(channel)
}

/** Sends what is left and waits for the end of the connection, but not for long. */
export async function hangUp(channel: Channel): Promise<void> {
  channel.end()
  const timer = setTimeout(channel.destroy, farewellMs)
  await channel.closed
  clearTimeout(timer)
}

function asNbdError(error: unknown): NbdError {
  return isNbdError(error) ? error : new NbdError('closed', 'The connection broke.', { cause: error })
}
