import { standardParameters } from '../wire/parameters.js'
import type { TextKey } from '../wire/text-keys.js'

/** What a fake target does in a negotiation, and afterwards. */
export interface FakeParameters {
  /** Takes CRC32C where it is offered. @defaultValue false */
  readonly headerDigest: boolean
  /** @defaultValue false */
  readonly dataDigest: boolean
  /** Most data of a PDU that it takes. @defaultValue 8192 */
  readonly receiveSegmentBytes: number
  /** @defaultValue true */
  readonly initialR2T: boolean
  /** @defaultValue true */
  readonly immediateData: boolean
  /** @defaultValue 65 536 */
  readonly firstBurstBytes: number
  /** @defaultValue 262 144 */
  readonly maxBurstBytes: number
  /** Commands that it takes before one is answered. @defaultValue 32 */
  readonly window: number
  /** Puts the status of a read that went well into the last PDU of its data. @defaultValue true */
  readonly statusWithData: boolean
}

/** What a fake target does by itself. */
export const usualFakeParameters: FakeParameters = {
  headerDigest: false,
  dataDigest: false,
  receiveSegmentBytes: standardParameters.receiveSegmentBytes,
  initialR2T: true,
  immediateData: true,
  firstBurstBytes: standardParameters.firstBurstBytes,
  maxBurstBytes: standardParameters.maxBurstBytes,
  window: 32,
  statusWithData: true,
}

/** What was agreed on, as the target sees it. */
export interface FakeAgreement extends FakeParameters {
  /** Most data of a PDU that the initiator takes. */
  readonly sendSegmentBytes: number
}

/** Answers keys, and works out what holds from then on. RFC 7143, 13. */
export function negotiate(
  keys: ReadonlyMap<string, string>,
  before: FakeAgreement,
): { readonly answers: readonly TextKey[]; readonly agreement: FakeAgreement } {
  let agreement = before
  const answers: TextKey[] = []
  const agree = (key: string, value: string, part: Partial<FakeAgreement> = {}) => {
    answers.push([key, value])
    agreement = { ...agreement, ...part }
  }
  const digest = (
    key: string,
    offers: string,
    isWanted: boolean,
    part: (isUsed: boolean) => Partial<FakeAgreement>,
  ) => {
    const list = offers.split(',')
    const isUsed = list.includes('CRC32C') && (isWanted || !list.includes('None'))
    agree(key, isUsed ? 'CRC32C' : 'None', part(isUsed))
  }
  const isYes = (value: string) => value === 'Yes'
  for (const [key, value] of keys) {
    switch (key) {
      case 'HeaderDigest':
        digest(key, value, before.headerDigest, (headerDigest) => ({ headerDigest }))
        break
      case 'DataDigest':
        digest(key, value, before.dataDigest, (dataDigest) => ({ dataDigest }))
        break
      case 'MaxRecvDataSegmentLength':
        agreement = { ...agreement, sendSegmentBytes: Number(value) }
        break
      case 'InitialR2T': {
        const initialR2T = before.initialR2T || isYes(value)
        agree(key, initialR2T ? 'Yes' : 'No', { initialR2T })
        break
      }
      case 'ImmediateData': {
        const immediateData = before.immediateData && isYes(value)
        agree(key, immediateData ? 'Yes' : 'No', { immediateData })
        break
      }
      case 'FirstBurstLength': {
        const firstBurstBytes = Math.min(before.firstBurstBytes, Number(value))
        agree(key, String(firstBurstBytes), { firstBurstBytes })
        break
      }
      case 'MaxBurstLength': {
        const maxBurstBytes = Math.min(before.maxBurstBytes, Number(value))
        agree(key, String(maxBurstBytes), { maxBurstBytes })
        break
      }
      case 'MaxOutstandingR2T':
      case 'MaxConnections':
        agree(key, '1')
        break
      case 'ErrorRecoveryLevel':
      case 'DefaultTime2Retain':
        agree(key, '0')
        break
      case 'DefaultTime2Wait':
      case 'DataPDUInOrder':
      case 'DataSequenceInOrder':
        agree(key, key === 'DefaultTime2Wait' ? '2' : 'Yes')
        break
      case 'IFMarker':
      case 'OFMarker':
        agree(key, 'No')
        break
      case 'InitiatorName':
      case 'InitiatorAlias':
      case 'TargetName':
      case 'SessionType':
        break
      default:
        agree(key, 'NotUnderstood')
    }
  }
  return { answers, agreement }
}
