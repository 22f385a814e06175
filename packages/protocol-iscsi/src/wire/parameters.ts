import { broken } from '../iscsi-error.js'
import { maxSegmentBytes } from './constants.js'
import { printable, type TextKey } from './text-keys.js'

/** What both sides agreed on. RFC 7143, 13. */
export interface IscsiParameters {
  readonly headerDigest: boolean
  readonly dataDigest: boolean
  /** Most data of a PDU that the target takes. */
  readonly sendSegmentBytes: number
  /** Most data of a PDU that the initiator takes. */
  readonly receiveSegmentBytes: number
  /** Data goes out only when the target asks for it, but for what is in the command. */
  readonly initialR2T: boolean
  /** Data may be in the PDU of the command. */
  readonly immediateData: boolean
  /** Most data before the target asked for any. */
  readonly firstBurstBytes: number
  /** Most data that the target asks for at once. */
  readonly maxBurstBytes: number
  readonly maxOutstandingR2T: number
}

/** Whether CRC32C is used: `prefer-crc32c` where the target can. */
export type DigestWish = 'none' | 'crc32c' | 'prefer-crc32c'

/** What is asked for. */
export interface ParameterWishes {
  readonly headerDigest: DigestWish
  readonly dataDigest: DigestWish
  readonly receiveSegmentBytes: number
  readonly firstBurstBytes: number
  readonly maxBurstBytes: number
  readonly maxOutstandingR2T: number
}

/** What holds when nothing is said. RFC 7143, 13. */
export const standardParameters: IscsiParameters = {
  headerDigest: false,
  dataDigest: false,
  sendSegmentBytes: 8192,
  receiveSegmentBytes: 8192,
  initialR2T: true,
  immediateData: true,
  firstBurstBytes: 65_536,
  maxBurstBytes: 262_144,
  maxOutstandingR2T: 1,
}

const digestLists: Readonly<Record<DigestWish, string>> = {
  none: 'None',
  crc32c: 'CRC32C',
  'prefer-crc32c': 'CRC32C,None',
}

/** Writes the keys that ask for it. */
export function offerOf(wishes: ParameterWishes, session: 'normal' | 'discovery'): readonly TextKey[] {
  const always: readonly TextKey[] = [
    ['HeaderDigest', digestLists[wishes.headerDigest]],
    ['DataDigest', digestLists[wishes.dataDigest]],
    ['MaxRecvDataSegmentLength', String(wishes.receiveSegmentBytes)],
    ['DefaultTime2Wait', '2'],
    ['DefaultTime2Retain', '0'],
    ['ErrorRecoveryLevel', '0'],
  ]
  if (session === 'discovery') return always
  return [
    ...always,
    ['InitialR2T', 'No'],
    ['ImmediateData', 'Yes'],
    ['MaxBurstLength', String(wishes.maxBurstBytes)],
    ['FirstBurstLength', String(wishes.firstBurstBytes)],
    ['MaxOutstandingR2T', String(wishes.maxOutstandingR2T)],
    ['MaxConnections', '1'],
    ['DataPDUInOrder', 'Yes'],
    ['DataSequenceInOrder', 'Yes'],
  ]
}

/** Keys that a target may say without an answer. RFC 7143, 13. */
const declarations = new Set(['TargetAlias', 'TargetAddress', 'TargetPortalGroupTag', 'MaxRecvDataSegmentLength'])

/** Tells which of the target's keys want an answer: those that it asks and nobody had offered. */
export function answersTo(keys: Iterable<string>, offered: ReadonlySet<string>): readonly TextKey[] {
  return [...keys]
    .filter((key) => !offered.has(key) && !declarations.has(key))
    .map((key) => [key, isStandardKey(key) ? 'Reject' : 'NotUnderstood'] as const)
}

/** Keys of the standard that this initiator never offers, and does not want. */
function isStandardKey(key: string): boolean {
  return key === 'IFMarker' || key === 'OFMarker' || key === 'TaskReporting' || key === 'iSCSIProtocolLevel'
}

/** Works out what was agreed on. @throws IscsiError `protocol` for values that were not on offer */
export function agreedOn(wishes: ParameterWishes, answers: ReadonlyMap<string, string>): IscsiParameters {
  const firstBurstBytes = atMost(
    answers,
    'FirstBurstLength',
    512,
    wishes.firstBurstBytes,
    standardParameters.firstBurstBytes,
  )
  const maxBurstBytes = atMost(answers, 'MaxBurstLength', 512, wishes.maxBurstBytes, standardParameters.maxBurstBytes)
  mustBe(answers, 'ErrorRecoveryLevel', '0')
  mustBe(answers, 'MaxConnections', '1')
  mustBe(answers, 'DataPDUInOrder', 'Yes')
  mustBe(answers, 'DataSequenceInOrder', 'Yes')
  return {
    headerDigest: digest(answers, 'HeaderDigest', wishes.headerDigest),
    dataDigest: digest(answers, 'DataDigest', wishes.dataDigest),
    sendSegmentBytes:
      number(answers, 'MaxRecvDataSegmentLength', 512, maxSegmentBytes) ?? standardParameters.sendSegmentBytes,
    receiveSegmentBytes: wishes.receiveSegmentBytes,
    initialR2T: flag(answers, 'InitialR2T', standardParameters.initialR2T),
    immediateData: flag(answers, 'ImmediateData', standardParameters.immediateData),
    firstBurstBytes: Math.min(firstBurstBytes, maxBurstBytes),
    maxBurstBytes,
    maxOutstandingR2T: atMost(
      answers,
      'MaxOutstandingR2T',
      1,
      wishes.maxOutstandingR2T,
      standardParameters.maxOutstandingR2T,
    ),
  }
}

function digest(answers: ReadonlyMap<string, string>, key: string, wish: DigestWish): boolean {
  const value = answers.get(key)
  const allowed = digestLists[wish].split(',')
  if (value === undefined && wish !== 'crc32c') return false
  if (value !== undefined && allowed.includes(value)) return value === 'CRC32C'
  throw broken(
    `The target answers ${key}=${printable(value ?? 'nothing')}, where ${digestLists[wish]} was offered${wish === 'crc32c' ? ': it has no CRC32C' : ''}.`,
  )
}

function flag(answers: ReadonlyMap<string, string>, key: string, otherwise: boolean): boolean {
  const value = answers.get(key)
  if (value === undefined || value === 'Irrelevant') return otherwise
  if (value !== 'Yes' && value !== 'No') throw strange(key, value)
  return value === 'Yes'
}

function mustBe(answers: ReadonlyMap<string, string>, key: string, wanted: string): void {
  const value = answers.get(key)
  if (value !== undefined && value !== wanted && value !== 'Irrelevant') throw strange(key, value)
}

/** A number whose smaller offer holds. */
function atMost(
  answers: ReadonlyMap<string, string>,
  key: string,
  least: number,
  offered: number,
  otherwise: number,
): number {
  return number(answers, key, least, offered) ?? Math.min(otherwise, offered)
}

function number(answers: ReadonlyMap<string, string>, key: string, least: number, most: number): number | undefined {
  const value = answers.get(key)
  if (value === undefined || value === 'Irrelevant') return undefined
  const parsed = /^(0x[0-9a-f]{1,8}|[0-9]{1,10})$/i.test(value) ? Number(value) : Number.NaN
  if (!(parsed >= least && parsed <= most)) throw strange(key, value)
  return parsed
}

function strange(key: string, value: string) {
  return broken(`The target answers ${key}=${printable(value)}, which was not on offer.`)
}
