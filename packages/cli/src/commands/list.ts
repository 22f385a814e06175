import { machineMatches } from '@holdfast/core'
import { byAge, type PointEntry } from '@holdfast/core/repository'
import type { Invocation, Outcome } from '../invocation.js'
import { mediaNames, setDocument } from '../render/media.js'
import { type Column, renderTable } from '../render/table.js'
import { formatBytes, formatTime } from '../render/units.js'
import { bootWord } from '../render/verifications.js'
import { openSession } from '../session.js'
import { reportUnread, type StoredPoint, storedPoints } from '../stored-points.js'
import { chosenTargets } from '../target-access.js'

/** Which points to list. */
export interface ListOptions {
  readonly target?: string
  /** Name or id, with `*`. */
  readonly machine?: string
}

/** Lists the recovery points of one target, or of all. */
export async function list(invocation: Invocation, { target, machine }: ListOptions): Promise<Outcome> {
  const { output } = invocation
  await using session = await openSession(invocation)
  const targets = chosenTargets(session.config, target === undefined ? [] : [target])
  await using stored = await storedPoints(session, targets, invocation)
  const selector = machine === undefined ? {} : { include: [machine] }
  const points = stored.points
    .filter(({ entry }) => machineMatches(entry.point.machine, selector))
    .sort((a, b) => byAge(a.entry.point, b.entry.point))
  output.document(points.map(listedPoint))
  if (points.length === 0) output.line('No recovery points.')
  else for (const line of pointTable(points, targets.length > 1, output.colors.bold)) output.line(line)
  return { exitCode: reportUnread(stored, invocation) ? 3 : 0 }
}

/** A point as `--json` lists it. Fields are only ever added. */
export interface ListedPoint {
  readonly id: string
  readonly machine: string
  readonly machineId: string
  readonly target: string
  /** Media that it is on. */
  readonly set?: object
  readonly pipeline: string
  readonly takenAt: string
  readonly sizeBytes: number
  readonly readBytes: number
  readonly storedBytes: number
  readonly consistency: string
  readonly held: boolean
  readonly verifications: PointEntry['verifications']
  readonly disks: readonly {
    readonly id: string
    readonly sizeBytes: number
    readonly readBytes: number
    readonly mode: string
  }[]
  readonly unavailable: readonly { readonly id: string; readonly reason: string }[]
}

/** Describes a point for `--json`. */
export function listedPoint({ target, set, entry }: StoredPoint): ListedPoint {
  const { point, held, verifications } = entry
  const { id, machine, pipeline, takenAt, sizeBytes, readBytes, storedBytes, consistency, unavailable } = point
  return {
    id,
    machine: machine.name,
    machineId: machine.id,
    target,
    ...(set !== undefined && { set: setDocument(set) }),
    pipeline,
    takenAt,
    sizeBytes,
    readBytes,
    storedBytes,
    consistency,
    held,
    verifications,
    disks: point.disks.map((disk) => ({
      id: disk.id,
      sizeBytes: disk.sizeBytes,
      readBytes: disk.readBytes,
      mode: disk.tracking.mode,
    })),
    unavailable,
  }
}

function pointTable(
  points: readonly StoredPoint[],
  withTarget: boolean,
  emphasise: (heading: string) => string,
): readonly string[] {
  const withMedia = points.some(({ set }) => set !== undefined)
  const columns: Column[] = [
    { heading: 'point' },
    { heading: 'machine' },
    { heading: 'taken' },
    { heading: 'size', align: 'right' },
    { heading: 'read', align: 'right' },
    { heading: 'stored', align: 'right' },
    { heading: 'disks', align: 'right' },
    ...(withTarget ? [{ heading: 'target' }] : []),
    ...(withMedia ? [{ heading: 'media' }] : []),
    { heading: 'consistency' },
  ]
  const rows = points.map(({ target, set, entry: { point, held, verifications } }) => [
    point.id,
    point.machine.name,
    formatTime(point.takenAt),
    formatBytes(point.sizeBytes),
    formatBytes(point.readBytes),
    formatBytes(point.storedBytes),
    String(point.disks.length),
    ...(withTarget ? [target] : []),
    ...(withMedia ? [set === undefined ? '' : mediaNames(set)] : []),
    [
      point.consistency,
      ...(point.unavailable.length > 0 ? ['incomplete'] : []),
      ...(verifications.some(({ level }) => level === 'data') ? ['verified'] : []),
      ...bootWord(verifications),
      ...(held ? ['held'] : []),
    ].join(', '),
  ])
  return renderTable(columns, rows, emphasise)
}
