import { Buffer } from 'node:buffer'
import { createHash } from 'node:crypto'
import { type BootProbe, checkBootProbe } from '../contract/boot.js'
import type { ObjectKey, PointId } from '../model/ids.js'
import { printableEnd } from '../model/printable-end.js'
import { damaged, parseStoredJson } from './damage.js'
import { encodePoint, type RecoveryPoint } from './recovery-point.js'

/** Evidence that a point was put to the proof after it was written. Spec: "Notes". */
export type Verification = DataVerification | BootEvidence

/** Every chunk was read back, decoded and hashed. */
export interface DataVerification {
  readonly level: 'data'
  readonly at: string
  readonly evidence: string
}

/** What came of booting a point. */
export type BootEvidence = BootPassed | BootFailed

/** A point booted: the time from its start on is a recovery time that was proved. */
export interface BootPassed extends BootAttempt {
  readonly passed: true
  /** From the start of the machine until the probe was answered, in ms. */
  readonly bootMs: number
  /** The end of what the probe saw, printable. */
  readonly output: string
  /** SHA-256 of all that the probe saw, in UTF-8, hex. */
  readonly outputSha256: string
}

/** A point did not boot, or could not be restored to be booted. */
export interface BootFailed extends BootAttempt {
  readonly passed: false
  readonly error: { readonly code: string; readonly message: string }
}

/** Who booted what and how. */
export interface BootAttempt {
  readonly format: 1
  readonly level: 'boot'
  /** When it began. */
  readonly at: string
  /** A sentence for people. */
  readonly evidence: string
  readonly point: PointId
  /** SHA-256 of the JSON text of the point's manifest, hex: the evidence is about this content and no other. */
  readonly manifestSha256: string
  readonly by: Witness
  /** Id of the source that booted it. */
  readonly source: string
  readonly probe: BootProbe
  /** Whether the disks were restored first, or read through from the repository while the machine ran. */
  readonly disks: 'restored' | 'overlay'
  /** Until the disks were there, in ms. */
  readonly restoreMs: number
  /** From the beginning until the probe was answered or given up, in ms. */
  readonly totalMs: number
}

/** Who made a proof, and with what. */
export interface Witness {
  readonly user: string
  readonly host: string
  /** Version of Holdfast. */
  readonly version: string
}

/** Verifications are bounded so that a hostile length cannot make us allocate. */
export const maxVerificationBytes = 64 * 2 ** 10
const maxOutputBytes = 4 * 2 ** 10
const maxNameBytes = 255

/** Bounds what a guest printed: its end to be shown, its digest to tell it from any other. */
export function boundedOutput(output: string): Pick<BootPassed, 'output' | 'outputSha256'> {
  return { output: printableEnd(output, maxOutputBytes), outputSha256: sha256(Buffer.from(output)) }
}

/** Bounds an error that may tell what a guest printed. */
export function boundedError({ code, message }: BootFailed['error']): BootFailed['error'] {
  return { code: printableEnd(code, maxNameBytes), message: printableEnd(message, maxOutputBytes) }
}

/** Bounds the names of a witness. */
export function boundedWitness({ user, host, version }: Witness): Witness {
  const bounded = (name: string) => printableEnd(name, maxNameBytes)
  return { user: bounded(user), host: bounded(host), version: bounded(version) }
}

/** The digest by which evidence names the content of a point. */
export function manifestSha256(point: RecoveryPoint): string {
  return sha256(encodePoint(point))
}

/**
 * Tells whether a verification proves that all data of the point can be read. A boot over an overlay reads what it needs.
 */
export function provesData(verification: Verification): boolean {
  return verification.level === 'data' || (verification.passed && verification.disks === 'restored')
}

/** Writes a verification, to be sealed in an envelope. */
export function encodeVerification(verification: Verification): Buffer {
  return Buffer.from(JSON.stringify(verification))
}

/**
 * Parses a verification of `point`.
 *
 * @throws BackupError `E_DAMAGED` when it is none, or speaks of another point or other content
 */
export function decodeVerification(key: ObjectKey, payload: Buffer, point: RecoveryPoint): Verification {
  const parsed = parseStoredJson(key, payload)
  if (isDataVerification(parsed)) return { level: 'data', at: parsed.at, evidence: parsed.evidence }
  if (!isBootEvidence(parsed)) throw damaged(key, 'it lacks what a verification has')
  if (parsed.point !== point.id) throw damaged(key, `it is evidence of another point, ${shown(parsed.point)}`)
  if (parsed.manifestSha256 !== manifestSha256(point))
    throw damaged(key, 'it is evidence of other content of its point')
  return parsed
}

function shown(text: string): string {
  return printableEnd(text, 64)
}

type Unchecked<T> = T extends object ? { readonly [K in keyof T]?: unknown } : never

function isDataVerification(value: unknown): value is DataVerification {
  if (!isObject<DataVerification>(value)) return false
  return value.level === 'data' && isTime(value.at) && typeof value.evidence === 'string'
}

function isBootEvidence(value: unknown): value is BootEvidence {
  if (!isObject<BootAttempt>(value)) return false
  return (
    value.level === 'boot' &&
    value.format === 1 &&
    isTime(value.at) &&
    [value.evidence, value.point, value.manifestSha256, value.source].every(isText) &&
    (value.disks === 'restored' || value.disks === 'overlay') &&
    [value.restoreMs, value.totalMs].every(isDuration) &&
    isWitness(value.by) &&
    isProbe(value.probe) &&
    isVerdict(value)
  )
}

function isVerdict(value: object): boolean {
  const { passed, bootMs, output, outputSha256, error }: Unchecked<BootPassed> & { readonly error?: unknown } = value
  if (passed === true)
    return isDuration(bootMs) && isText(output) && isText(outputSha256) && /^[0-9a-f]{64}$/.test(outputSha256)
  return passed === false && isObject<BootFailed['error']>(error) && isText(error.code) && isText(error.message)
}

function isWitness(value: unknown): boolean {
  return isObject<Witness>(value) && [value.user, value.host, value.version].every(isText)
}

function isProbe(value: unknown): boolean {
  if (!isObject<{ kind: string; pattern: string; command: string; timeoutMs: number }>(value)) return false
  const { kind, pattern, command, timeoutMs } = value
  if (typeof timeoutMs !== 'number') return false
  if (kind === 'serial') return isText(pattern) && isBounded({ kind, pattern, timeoutMs })
  if (kind === 'command') return isText(command) && isBounded({ kind, command, timeoutMs })
  return kind === 'agent' && isBounded({ kind, timeoutMs })
}

function isBounded(probe: BootProbe): boolean {
  try {
    checkBootProbe(probe)
    return true
  } catch {
    return false
  }
}

function isObject<T extends object>(value: unknown): value is Unchecked<T> {
  return typeof value === 'object' && value !== null
}

function isText(value: unknown): value is string {
  return typeof value === 'string'
}

function isTime(value: unknown): value is string {
  return typeof value === 'string' && value.length <= 40 && !Number.isNaN(Date.parse(value))
}

function isDuration(value: unknown): value is number {
  return typeof value === 'number' && Number.isFinite(value) && value >= 0
}

function sha256(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex')
}
