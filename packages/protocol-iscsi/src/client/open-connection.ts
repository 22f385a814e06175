import { broken, IscsiError, isIscsiError } from '../iscsi-error.js'
import { boundedPlace, createPduReader } from '../wire/pdu-reader.js'
import { decodeTargetPdu, type TargetPdu } from '../wire/target-pdus.js'
import { type Channel, openChannel } from './channel.js'
import { type LoginGoal, type LoginOutcome, login } from './login.js'
import type { IscsiAddress } from './portal-address.js'

/** Takes what a target sends after the login. What it throws ends the connection. */
export interface PduTaker {
  /** Says where the data of a PDU is to be put. */
  readonly place: (pdu: TargetPdu, dataBytes: number) => Uint8Array
  readonly take: (pdu: TargetPdu, data: Uint8Array) => void
  /** The connection is of no use any more. */
  readonly fail: (error: IscsiError) => void
}

/** A login that came to a session. */
export type ReadyLogin = Extract<LoginOutcome, { readonly kind: 'ready' }>

/** Bounds of one call. */
export interface CallBounds {
  readonly signal: AbortSignal | undefined
  readonly timeoutMs: number
}

/** Most data of a PDU before anything was agreed on. RFC 7143, 13.12. */
const maxLoginSegmentBytes = 8192

/**
 * Connects and logs in.
 *
 * `start` makes what takes the PDUs of the session, in the moment of the login's end: the next PDU may be there already.
 *
 * @throws IscsiError, and the reason of an abort
 */
export async function openConnection<Taker extends PduTaker>(
  address: IscsiAddress,
  goal: LoginGoal,
  { signal, timeoutMs }: CallBounds,
  start: (ready: ReadyLogin, channel: Channel) => Taker,
): Promise<Taker | IscsiAddress> {
  signal?.throwIfAborted()
  const outcome = Promise.withResolvers<Taker | IscsiAddress>()
  const talk = login(goal)
  let taker: Taker | undefined
  let incoming: TargetPdu | undefined
  let isOver = false

  const fail = (reason: unknown) => {
    if (isOver) return
    isOver = true
    reader.stop()
    channel.destroy()
    const error = isIscsiError(reason) ? reason : new IscsiError('lost', 'The connection broke.', { cause: reason })
    if (taker === undefined) outcome.reject(error.code === 'lost' ? lostInLogin(error) : error)
    else taker.fail(error)
  }
  const goOn = (step: ReturnType<typeof talk.next>) => {
    if (step.done !== true) return channel.send(step.value)
    const result = step.value
    if (result.kind === 'moved') {
      isOver = true
      reader.stop()
      channel.destroy()
      return outcome.resolve(result.address)
    }
    const digests = { header: result.parameters.headerDigest, data: result.parameters.dataDigest }
    reader.useDigests(digests)
    channel.useDigests(digests)
    taker = start(result, channel)
    outcome.resolve(taker)
  }
  const reader = createPduReader({
    onHeader: (header, dataBytes) => {
      incoming = decodeTargetPdu(header)
      return taker?.place(incoming, dataBytes) ?? boundedPlace(dataBytes, maxLoginSegmentBytes)
    },
    onPdu: (_header, data) => {
      if (incoming === undefined) return
      if (taker !== undefined) return taker.take(incoming, data)
      if (incoming.kind !== 'login-response')
        throw broken('The target sends something else than an answer to the login.')
      goOn(talk.next({ pdu: incoming, data }))
    },
    onFailure: fail,
  })
  const channel = openChannel(address, reader, fail)
  goOn(talk.next())

  const onAbort = () => {
    outcome.reject(signal?.reason)
    fail(signal?.reason)
  }
  const timer = setTimeout(
    () =>
      fail(
        new IscsiError('timeout', `The target does not finish the login within ${timeoutMs} ms.`, {
          hint: 'Check address and port of the portal, and whether a firewall drops the connection.',
        }),
      ),
    timeoutMs,
  )
  signal?.addEventListener('abort', onAbort, { once: true })
  try {
    return await outcome.promise
  } finally {
    clearTimeout(timer)
    signal?.removeEventListener('abort', onAbort)
  }
}

/** No command was sent yet, so there is none whose fate is unknown. */
function lostInLogin(error: IscsiError): IscsiError {
  return new IscsiError('connect', 'The target closed the connection during the login.', {
    cause: error,
    hint: "Look into the target's log.",
  })
}
