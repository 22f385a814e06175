import { Buffer } from 'node:buffer'
import { createHash, createHmac } from 'node:crypto'
import type { Tracking, UnavailableDisk } from '../contract/source.js'
import type { Consistency } from '../model/consistency.js'
import type { ChangeToken, DiskId, PointId } from '../model/ids.js'
import type { Machine } from '../model/machine.js'
import { damaged } from './damage.js'

/** What one run stored for one machine; always complete on its own. Spec: "Recovery points". */
export interface RecoveryPoint {
  readonly format: 1
  readonly id: PointId
  /** The same in every target of one run, so that copies of one capture are known as such. */
  readonly runId: string
  readonly pipeline: string
  readonly source: string
  readonly machine: Machine
  readonly takenAt: string
  readonly completedAt: string
  readonly consistency: Consistency
  readonly quiesce: readonly QuiesceRecord[]
  readonly disks: readonly StoredDisk[]
  readonly unavailable: readonly UnavailableDisk[]
  /** Sum of the disks as the guest sees them, in bytes. */
  readonly sizeBytes: number
  readonly readBytes: number
  /** Bytes added to this target, encoded. */
  readonly storedBytes: number
  /** The point that unchanged data was taken over from. */
  readonly previous?: PointId
  /** Present on copies made from another target. */
  readonly copiedFrom?: { readonly repository: string; readonly point: PointId }
}

/** What a hook did for a point. */
export interface QuiesceRecord {
  readonly hook: string
  readonly consistency: Consistency
  /** How long the machine stood still, in ms. */
  readonly frozenMs: number
  readonly failure?: string
}

/** A disk of a recovery point. */
export interface StoredDisk {
  readonly id: DiskId
  readonly sizeBytes: number
  /** Root of the disk's chunk tree, hex. */
  readonly root: string
  readonly changeToken?: ChangeToken
  readonly tracking: Tracking
  readonly readBytes: number
}

/** Manifests are bounded so that a hostile length cannot make us allocate. */
export const maxPointBytes = 64 * 2 ** 20

/** Makes an id from the time of the capture and randomness. */
export function newPointId(takenAt: Date, random: Uint8Array): PointId {
  const stamp = takenAt.toISOString().replace(/[-:]/g, '').replace(/\.\d+/, '')
  return `${stamp}-${Buffer.from(random).toString('hex')}` as PointId
}

/** The folder name that stands for a machine: a digest, keyed when the repository is, so names stay private. */
export function machineTag(machineId: string, idKey: Uint8Array | undefined): string {
  const hash = idKey === undefined ? createHash('sha256') : createHmac('sha256', idKey)
  return hash.update(`machine\n${machineId}`).digest('hex').slice(0, 32)
}

/** Writes a manifest, to be sealed in an envelope. */
export function encodePoint(point: RecoveryPoint): Buffer {
  return Buffer.from(JSON.stringify(point))
}

/** Parses a manifest; its envelope has already proved who wrote it, so this checks shape only. */
export function decodePoint(name: string, payload: Buffer): RecoveryPoint {
  let parsed: unknown
  try {
    parsed = JSON.parse(payload.toString('utf8'))
  } catch (error) {
    throw damaged(name, 'it is not JSON', error)
  }
  if (!isPoint(parsed)) throw damaged(name, 'it lacks what a recovery point has')
  return parsed
}

function isPoint(value: unknown): value is RecoveryPoint {
  const point = value as Partial<RecoveryPoint> | null
  return (
    typeof point === 'object' &&
    point !== null &&
    point.format === 1 &&
    [point.id, point.runId, point.pipeline, point.source].every((text) => typeof text === 'string') &&
    isTime(point.takenAt) &&
    isTime(point.completedAt) &&
    isMachine(point.machine) &&
    Array.isArray(point.quiesce) &&
    Array.isArray(point.unavailable) &&
    Array.isArray(point.disks) &&
    point.disks.every(isStoredDisk) &&
    new Set(point.disks.map((disk) => disk.id)).size === point.disks.length
  )
}

function isTime(value: unknown): boolean {
  return typeof value === 'string' && !Number.isNaN(Date.parse(value))
}

function isMachine(machine: Partial<Machine> | undefined | null): boolean {
  return (
    typeof machine?.id === 'string' &&
    typeof machine.name === 'string' &&
    Array.isArray(machine.disks) &&
    machine.disks.every((disk: Partial<Machine['disks'][number]> | null) => typeof disk?.id === 'string')
  )
}

function isStoredDisk(disk: Partial<StoredDisk> | null): boolean {
  return (
    typeof disk?.id === 'string' &&
    typeof disk.root === 'string' &&
    /^[0-9a-f]{64}$/.test(disk.root) &&
    Number.isSafeInteger(disk.sizeBytes) &&
    (disk.sizeBytes ?? -1) >= 0 &&
    typeof disk.tracking === 'object' &&
    disk.tracking !== null
  )
}
