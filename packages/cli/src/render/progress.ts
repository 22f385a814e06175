import type { EngineEvent } from '@holdfast/core/engine'
import type { Output } from '../output.js'
import { type DiskProgress, diskLine, liveLine, startDisk, updateDisk } from './disk-progress.js'
import type { ConvertEvent } from './json-events.js'
import { printable } from './printable.js'
import { counted, formatBytes, formatDuration } from './units.js'

/** Shows what the engine does: redrawn lines on a terminal, plain lines elsewhere, events with `--json`. */
export interface ProgressView extends Disposable {
  readonly onEvent: (event: EngineEvent | ConvertEvent) => void
  /** Takes the redrawn lines away. */
  readonly close: () => void
}

const redrawEveryMs = 100
const plainEveryMs = 10_000
const mostLiveLines = 8
/** Stands among the disks for a pass over everything. */
const wholeKey = 'all'

/** Makes a view; `verb` is what happens to the bytes of a disk: `read`, `written`. */
export function progressView(output: Output, verb: string, now: () => number = () => performance.now()): ProgressView {
  const disks = new Map<string, DiskProgress>()
  let drawnLines = 0
  let drawnAt = Number.NEGATIVE_INFINITY

  const clear = () => {
    if (drawnLines > 0) output.raw(`\x1b[${drawnLines}A\x1b[0J`)
    drawnLines = 0
  }
  const draw = () => {
    if (!output.live || now() - drawnAt < redrawEveryMs) return
    drawnAt = now()
    clear()
    const lines = [...disks.values()].slice(0, mostLiveLines).map((disk) => liveLine(disk, now(), output.columns()))
    if (lines.length > 0) output.raw(`${lines.join('\n')}\n`)
    drawnLines = lines.length
  }
  const line = (text: string) => {
    clear()
    output.line(text)
    drawnAt = Number.NEGATIVE_INFINITY
    draw()
  }
  const progressed = (disk: DiskProgress | undefined, position: Parameters<typeof updateDisk>[1]) => {
    if (disk === undefined) return
    updateDisk(disk, position, now())
    draw()
    if (output.live || now() - disk.shownAt < plainEveryMs) return
    disk.shownAt = now()
    output.line(diskLine(disk, now()))
  }

  const wholeProgressed = (name: string, positionBytes: number, sizeBytes: number) => {
    const disk = disks.get(wholeKey) ?? startDisk({ name, sizeBytes }, now())
    disks.set(wholeKey, disk)
    progressed(disk, { positionBytes, sizeBytes })
  }

  const show = (event: EngineEvent | ConvertEvent): void => {
    switch (event.type) {
      case 'disk-started': {
        const disk = startDisk({ name: `${event.machine}/${event.disk}`, sizeBytes: event.sizeBytes }, now())
        disks.set(diskKey(event), disk)
        const how = event.mode === 'incremental' ? 'incremental' : event.reason
        if (output.live) draw()
        else output.line(`${disk.name}: ${formatBytes(event.sizeBytes)}, ${printable(how)}`)
        return
      }
      case 'disk-progress':
        progressed(disks.get(diskKey(event)), event)
        return
      case 'verify-progress':
        wholeProgressed('all data', event.checkedBytes, event.totalBytes)
        return
      case 'convert-progress':
        wholeProgressed('disk', event.positionBytes, event.totalBytes)
        return
      case 'disk-finished': {
        const disk = disks.get(diskKey(event))
        disks.delete(diskKey(event))
        if (disk === undefined) return
        const tookMs = now() - disk.startedAt
        line(`${disk.name}: ${formatBytes(event.readBytes)} ${verb} in ${formatDuration(tookMs)}`)
        return
      }
      default: {
        const text = plainText(event)
        if (text !== undefined) line(text)
      }
    }
  }

  return {
    onEvent: (event) => {
      output.event(event)
      if (!output.json) show(event)
    },
    close: clear,
    [Symbol.dispose]: clear,
  }
}

function diskKey({ machine, disk }: { readonly machine: string; readonly disk: string }): string {
  return JSON.stringify([machine, disk])
}

/** The line for an event that is no matter of one disk, if it deserves one. Failures are told by the report. */
function plainText(event: EngineEvent): string | undefined {
  switch (event.type) {
    case 'run-started':
      return `${event.pipeline}: backing up ${counted(event.machines, 'machine')}`
    case 'machine-frozen':
      return printable(`${event.machine}: frozen by ${event.hook}, ${event.consistency} consistency`)
    case 'machine-thawed':
      return printable(`${event.machine}: thawed by ${event.hook} after ${formatDuration(event.frozenMs)}`)
    case 'point-committed':
      return printable(`${event.machine}: ${event.point} on ${event.target}, ${formatBytes(event.storedBytes)} new`)
    case 'boot-started':
      return printable(`${event.machine}: booting as ${event.name} on ${event.source}, waiting for ${event.probe}`)
    case 'step':
      return printable(event.message)
    default:
      return undefined
  }
}
