import { randomBytes } from 'node:crypto'
import { broken, IscsiError } from '../iscsi-error.js'
import { type LoginStage, loginStage } from '../wire/constants.js'
import type { Pdu } from '../wire/header.js'
import { encodeInitiatorPdu } from '../wire/initiator-pdus.js'
import { agreedOn, answersTo, type IscsiParameters, offerOf, type ParameterWishes } from '../wire/parameters.js'
import { isAfter, plus } from '../wire/serial-number.js'
import type { LoginResponsePdu } from '../wire/target-pdus.js'
import { createTextGatherer, decodeKeys, encodeKeys, type TextKey, uniqueKeys } from '../wire/text-keys.js'
import { type ChapOptions, type ChapTalk, startChap } from './chap-talk.js'
import { refusedLogin } from './login-status.js'
import { addressFromText, type IscsiAddress } from './portal-address.js'

/** Who logs in, where, and what is asked for. */
export interface LoginGoal {
  readonly initiatorName: string
  /** Undefined for a session that only asks which targets there are. */
  readonly targetName: string | undefined
  /** Names this session among those of the initiator. RFC 7143, 11.12.5. */
  readonly isid: Uint8Array
  readonly chap: ChapOptions | undefined
  readonly wishes: ParameterWishes
}

/** A response with its text. */
export interface LoginAnswer {
  readonly pdu: LoginResponsePdu
  readonly data: Uint8Array
}

/** How a login ended well: with a session, or with another address to go to. */
export type LoginOutcome =
  | {
      readonly kind: 'ready'
      readonly parameters: IscsiParameters
      readonly cmdSn: number
      readonly expStatSn: number
      readonly maxCmdSn: number
    }
  | { readonly kind: 'moved'; readonly address: IscsiAddress }

/** Sends with `yield`, and is resumed with the response. */
export type LoginTalk = Generator<Pdu, LoginOutcome, LoginAnswer>

const firstCmdSn = 1
const taskTag = 0
/** More requests than that no login needs. */
const maxRequests = 32

/** Logs in, without a socket. RFC 7143, 6.3. @throws IscsiError `auth`, `login`, `unknown-target`, `protocol` */
export function* login(goal: LoginGoal): LoginTalk {
  const talk = createExchange(goal)
  const session = goal.targetName === undefined ? 'discovery' : 'normal'
  const wantsMutual = goal.chap?.mutual !== undefined
  const names: readonly TextKey[] = [
    ['InitiatorName', goal.initiatorName],
    ...(goal.targetName === undefined ? [] : [['TargetName', goal.targetName] as const]),
    ['SessionType', session === 'normal' ? 'Normal' : 'Discovery'],
    ['AuthMethod', goal.chap === undefined ? 'None' : wantsMutual ? 'CHAP' : 'CHAP,None'],
  ]
  let reply = yield* talk(names, loginStage.security, loginStage.operational)
  if (reply.kind === 'moved') return reply
  const method = reply.keys.get('AuthMethod')
  let chap: ChapTalk | undefined
  if (method === 'CHAP' && goal.chap !== undefined) {
    if (reply.hasMovedOn) throw broken('The target ends the security stage without having asked for a response.')
    chap = startChap(goal.chap, randomBytes)
    reply = yield* talk(chap.algorithms, loginStage.security, undefined)
    if (reply.kind === 'moved') return reply
    reply = yield* talk(chap.respond(reply.keys), loginStage.security, loginStage.operational)
    if (reply.kind === 'moved') return reply
    chap.verify(reply.keys)
  } else if (method !== undefined && method !== 'None') throw broken('The target chose a method that was not on offer.')
  else if (wantsMutual)
    throw new IscsiError('auth', 'The target does not prove who it is, as CHAP in both directions demands.', {
      hint: 'Set up CHAP with an outgoing user on the target, or leave out `mutual`.',
    })
  while (!reply.hasMovedOn) {
    reply = yield* talk([], loginStage.security, loginStage.operational)
    if (reply.kind === 'moved') return reply
  }

  const offer = offerOf(goal.wishes, session)
  const offered = new Set(offer.map(([key]) => key))
  const answers = new Map<string, string>()
  let next: readonly TextKey[] = offer
  for (;;) {
    const answer = yield* talk(next, loginStage.operational, loginStage.fullFeature)
    if (answer.kind === 'moved') return answer
    for (const [key, value] of answer.keys) {
      if (answers.has(key)) throw broken('The target negotiates a key twice.')
      answers.set(key, value)
    }
    if (answer.hasMovedOn) {
      if (answer.pdu.tsih === 0) throw broken('The target gives the session no handle.')
      const { statSn, maxCmdSn } = answer.pdu
      const parameters = agreedOn(goal.wishes, answers)
      return { kind: 'ready', parameters, cmdSn: firstCmdSn, expStatSn: plus(statSn, 1), maxCmdSn }
    }
    next = answersTo(answer.keys.keys(), offered)
    for (const [key] of next) offered.add(key)
  }
}

interface Reply {
  readonly kind: 'reply'
  readonly keys: ReadonlyMap<string, string>
  readonly hasMovedOn: boolean
  readonly pdu: LoginResponsePdu
}

type Exchange = (
  keys: readonly TextKey[],
  stage: LoginStage,
  nextStage: LoginStage | undefined,
) => Generator<Pdu, Reply | (LoginOutcome & { readonly kind: 'moved' }), LoginAnswer>

/** Sends keys and gathers the keys of the answer, which may come in several PDUs. */
function createExchange(goal: LoginGoal): Exchange {
  const gatherer = createTextGatherer()
  let requests = 0
  let expStatSn: number | undefined

  function* send(
    keys: readonly TextKey[],
    stage: LoginStage,
    nextStage: LoginStage | undefined,
  ): Generator<Pdu, LoginAnswer, LoginAnswer> {
    if (++requests > maxRequests) throw broken('The login does not come to an end.')
    const answer = yield encodeInitiatorPdu(
      {
        kind: 'login',
        isTransit: nextStage !== undefined,
        continues: false,
        stage,
        nextStage: nextStage ?? 0,
        isid: goal.isid,
        tsih: 0,
        tag: taskTag,
        cmdSn: firstCmdSn,
        expStatSn: expStatSn ?? 0,
      },
      encodeKeys(keys),
    )
    const { pdu } = answer
    if (pdu.tag !== taskTag) throw broken('The target answers a login that was not sent.')
    if (expStatSn !== undefined && pdu.statSn !== expStatSn && !isFailure(pdu))
      throw broken(`The target numbers a response ${isAfter(pdu.statSn, expStatSn) ? 'too high' : 'too low'}.`)
    expStatSn = plus(pdu.statSn, 1)
    return answer
  }

  return function* exchange(keys, stage, nextStage) {
    let answer = yield* send(keys, stage, nextStage)
    for (;;) {
      const { pdu, data } = answer
      gatherer.add(data)
      if (isFailure(pdu)) throw refusedLogin(pdu.status)
      if (pdu.status >>> 8 === 1) return moved(uniqueKeys(decodeKeys(gatherer.finish())))
      if (pdu.stage !== stage) throw broken('The target answers in another stage of the login.')
      if (pdu.isTransit && (pdu.nextStage !== nextStage || pdu.continues))
        throw broken('The target goes on to a stage that was not asked for.')
      if (!pdu.continues) break
      answer = yield* send([], stage, undefined)
    }
    const keysOfAnswer = uniqueKeys(decodeKeys(gatherer.finish()))
    return { kind: 'reply', keys: keysOfAnswer, hasMovedOn: answer.pdu.isTransit, pdu: answer.pdu }
  }
}

function isFailure({ status }: LoginResponsePdu): boolean {
  return status >>> 8 > 1
}

function moved(keys: ReadonlyMap<string, string>): LoginOutcome & { readonly kind: 'moved' } {
  const address = addressFromText(keys.get('TargetAddress') ?? '')
  if (address === undefined) throw broken('The target has moved, and does not say where to.')
  return { kind: 'moved', address }
}
