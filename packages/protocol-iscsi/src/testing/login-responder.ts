import { randomBytes } from 'node:crypto'
import type { ChapOptions } from '../client/chap-talk.js'
import { algorithmList, algorithmOf, type ChapAlgorithm, chapResponse, isSameResponse } from '../wire/chap.js'
import { loginStage } from '../wire/constants.js'
import type { LoginPdu } from '../wire/initiator-pdus.js'
import { decodeBinary, encodeBinary, type TextKey } from '../wire/text-keys.js'
import { type FakeAgreement, negotiate } from './fake-parameters.js'

/** What a target says to a request of the login. */
export interface LoginReply {
  readonly keys: readonly TextKey[]
  readonly isTransit: boolean
  /** Status class and detail. */
  readonly status: number
}

/** The target's side of one login. */
export interface LoginResponder {
  readonly respond: (pdu: LoginPdu, keys: ReadonlyMap<string, string>) => LoginReply
  readonly agreement: () => FakeAgreement
  readonly isDiscovery: () => boolean
}

const authFailed = 0x0201
const notFound = 0x0203

/** Makes the target's side of a login. */
export function createLoginResponder(
  targetName: string,
  chap: ChapOptions | undefined,
  begin: FakeAgreement,
): LoginResponder {
  let agreement = begin
  let isDiscovery = false
  let isFirst = true
  let isProven = chap === undefined
  let algorithm: ChapAlgorithm | undefined
  const challenge = randomBytes(16)
  const id = 7

  const refuse = (status: number): LoginReply => ({ keys: [], isTransit: false, status })
  const say = (keys: readonly TextKey[], isTransit: boolean): LoginReply => ({ keys, isTransit, status: 0 })

  function introduce(keys: ReadonlyMap<string, string>): number {
    isDiscovery = keys.get('SessionType') === 'Discovery'
    if (!keys.has('InitiatorName')) return 0x0207
    return isDiscovery || keys.get('TargetName') === targetName ? 0 : notFound
  }

  function secure(pdu: LoginPdu, keys: ReadonlyMap<string, string>): LoginReply {
    const methods = keys.get('AuthMethod')?.split(',')
    if (methods !== undefined) {
      const method = chap === undefined ? 'None' : 'CHAP'
      if (!methods.includes(method)) return refuse(authFailed)
      const group: readonly TextKey[] = isDiscovery ? [] : [['TargetPortalGroupTag', '1']]
      return say([...group, ['AuthMethod', method]], isProven && pdu.isTransit)
    }
    const algorithms = keys.get('CHAP_A')?.split(',')
    if (algorithms !== undefined) {
      const wanted = chap?.algorithms ?? ['md5']
      algorithm = algorithms.map(algorithmOf).find((one) => one !== undefined && wanted.includes(one))
      if (algorithm === undefined) return refuse(authFailed)
      const asked = { CHAP_A: algorithmList([algorithm]), CHAP_I: String(id), CHAP_C: encodeBinary(challenge) }
      return say(Object.entries(asked), false)
    }
    if (chap === undefined || isProven) return say([], pdu.isTransit)
    const response = decodeBinary(keys.get('CHAP_R') ?? '')
    if (response === undefined || algorithm === undefined || keys.get('CHAP_N') !== chap.name) return refuse(authFailed)
    if (!isSameResponse(response, chapResponse(algorithm, { id, secret: chap.secret, challenge })))
      return refuse(authFailed)
    isProven = true
    const theirs = decodeBinary(keys.get('CHAP_C') ?? '')
    if (theirs === undefined) return say([], pdu.isTransit)
    if (chap.mutual === undefined) return refuse(authFailed)
    const { name, secret } = chap.mutual
    const proof = chapResponse(algorithm, { id: Number(keys.get('CHAP_I')), secret, challenge: theirs })
    return say(
      [
        ['CHAP_N', name],
        ['CHAP_R', encodeBinary(proof)],
      ],
      pdu.isTransit,
    )
  }

  return {
    agreement: () => agreement,
    isDiscovery: () => isDiscovery,
    respond: (pdu, keys) => {
      if (isFirst) {
        isFirst = false
        const status = introduce(keys)
        if (status !== 0) return refuse(status)
      }
      if (pdu.stage === loginStage.security) return secure(pdu, keys)
      if (!isProven) return refuse(authFailed)
      const declared: readonly TextKey[] = keys.has('MaxRecvDataSegmentLength')
        ? [['MaxRecvDataSegmentLength', String(agreement.receiveSegmentBytes)]]
        : []
      const negotiated = negotiate(keys, agreement)
      agreement = negotiated.agreement
      return say([...negotiated.answers, ...declared], pdu.isTransit)
    },
  }
}
