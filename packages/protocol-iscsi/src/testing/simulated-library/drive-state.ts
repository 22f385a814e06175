import type { BlockStore } from './block-store.js'
import type { Cartridge, TapeObject } from './cartridge.js'
import { sizeOnTape } from './cartridge.js'
import { type Condition, conditions } from './outcome.js'
import { announce, type UnitState } from './unit-state.js'

/** What a drive did. */
export interface DriveCounters {
  /** Commands of all kinds that were answered. */
  readonly commands: number
  readonly mounts: number
  readonly locates: number
  readonly spaces: number
  readonly rewinds: number
  /** Objects and bytes that were passed over without reading or writing them. */
  readonly distanceObjects: number
  readonly distanceBytes: number
  readonly bytesWritten: number
  readonly bytesRead: number
  /** Flushes that had something to bring to the tape. */
  readonly flushes: number
  /** Times that a stream of writes, or of reads, ended: by a flush, by a change of direction, or by moving elsewhere. */
  readonly stops: number
  readonly cleanings: number
}

/** A drive. */
export interface DriveState extends UnitState {
  readonly store: BlockStore
  cartridge: Cartridge | undefined
  /** Threaded; a cartridge may be there and unloaded. */
  isLoaded: boolean
  /** The object that is next. */
  position: number
  /** Commands that are still answered with "becoming ready", and then the medium is said to have changed. */
  readyIn: number
  blockLengthBytes: number
  bufferedMode: number
  isCompressing: boolean
  hasWarned: boolean
  stream: 'idle' | 'reading' | 'writing'
  readonly counters: { -readonly [Name in keyof DriveCounters]: number }
}

/** Counters before anything happened. */
export function noCounters(): DriveState['counters'] {
  return {
    ...{ commands: 0, mounts: 0, locates: 0, spaces: 0, rewinds: 0, distanceObjects: 0, distanceBytes: 0 },
    ...{ bytesWritten: 0, bytesRead: 0, flushes: 0, stops: 0, cleanings: 0 },
  }
}

/** Headers that tgtd writes before each object count against the size of its cartridges. */
export function overheadOf(drive: DriveState): number {
  return drive.settings.quirks.has('endless-writes') ? 48 : 0
}

/** Puts a cartridge into a drive. */
export function mount(drive: DriveState, cartridge: Cartridge): void {
  const isQuiet = drive.settings.quirks.has('no-mount-attention')
  drive.cartridge = cartridge
  drive.isLoaded = true
  drive.position = 0
  drive.stream = 'idle'
  drive.hasWarned = false
  drive.readyIn = isQuiet ? 0 : drive.settings.readyAfterCommands
  drive.counters.mounts += 1
  cartridge.loadCount += 1
  if (!isQuiet) announce(drive, conditions.mediumChanged)
}

/** Takes the cartridge out of a drive; what was buffered is flushed. */
export function unmount(drive: DriveState): Cartridge | undefined {
  const { cartridge } = drive
  flushBuffer(drive)
  drive.cartridge = undefined
  drive.isLoaded = false
  drive.position = 0
  drive.readyIn = 0
  return cartridge
}

/** Says why the drive cannot do what needs a tape; undefined when it can. */
export function unreadiness(drive: DriveState): Condition | undefined {
  const { cartridge } = drive
  if (cartridge === undefined) return conditions.noMedium
  if (!drive.isLoaded)
    return drive.settings.quirks.has('no-mount-attention') ? conditions.noMedium : conditions.unloaded
  if (drive.readyIn > 0) {
    drive.readyIn -= 1
    if (cartridge.kind === 'cleaning') {
      if (drive.readyIn === 0) {
        drive.isLoaded = false
        drive.counters.cleanings += 1
      }
      return conditions.cleaning
    }
    return conditions.becomingReady
  }
  if (cartridge.kind === 'cleaning') return conditions.cleaning
  return
}

/** Brings what is buffered to the tape. */
export function flushBuffer(drive: DriveState): void {
  const { cartridge } = drive
  if (cartridge === undefined) return
  if (cartridge.flushedObjects < cartridge.objects.length) {
    cartridge.flushedObjects = cartridge.objects.length
    drive.counters.flushes += 1
  }
  stopStream(drive)
}

/** The tape streams on in the same direction, or stops and starts. */
export function streamOn(drive: DriveState, stream: 'reading' | 'writing'): void {
  if (drive.stream === stream) return
  if (drive.stream === 'writing') flushBuffer(drive)
  else stopStream(drive)
  drive.stream = stream
}

function stopStream(drive: DriveState): void {
  if (drive.stream !== 'idle') drive.counters.stops += 1
  drive.stream = 'idle'
}

/** Moves the tape to an object, and counts what it passed. */
export function moveTo(drive: DriveState, objects: readonly TapeObject[], position: number): void {
  flushBuffer(drive)
  const [from, to] = [Math.min(position, drive.position), Math.max(position, drive.position)]
  drive.counters.distanceObjects += to - from
  const overhead = overheadOf(drive)
  drive.counters.distanceBytes += objects.slice(from, to).reduce((sum, object) => sum + sizeOnTape(object, overhead), 0)
  drive.position = position
}
