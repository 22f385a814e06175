import { constants } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'
import type { CallOptions } from '@holdfast/core'
import { tapeError } from '../drive/drive-errors.js'
import type { BlockRead, BlockWritten, TapeDrive, TapeSpot } from '../drive/tape-drive.js'
import { errno, errnoOf, onDevice } from './device-errors.js'
import { isNearEnd, stIoctls } from './st-ioctl.js'
import type { SystemCalls } from './system-calls.js'

/** A drive that was opened. */
export interface OpenedDrive extends TapeDrive {
  /** Waits for the call that runs. Where the last was a write, the driver ends it with a filemark. */
  readonly close: () => Promise<void>
}

/** How a drive that takes its cartridge in is waited for. */
export interface StDriveOptions {
  /** @defaultValue 10 minutes */
  readonly patienceMs?: number
  /** @defaultValue 1000 */
  readonly pollMs?: number
}

/** SPACE(6) has three bytes for a count with its sign. */
const mostAtOnce = 2 ** 23 - 1

/**
 * Opens a drive by the st driver of Linux, whose device does not rewind. **Unproven on hardware.**
 *
 * The driver hides what the drive says: it does not tell what is left of a cartridge, nor whether that can be written once, and all
 * that goes wrong is EIO. It knows no LOCATE to a tape file: the way there is REWIND and SPACE. A rewind behind a write without
 * `endFile` writes a filemark first. `endFile` puts all on the tape, unless root has set `MT_ST_NOWAIT_EOF`.
 *
 * Abort: heard between calls of the driver. One that runs cannot be stopped, and is waited for; the driver's own time limits end it.
 *
 * @throws BackupError `E_TARGET_UNAVAILABLE`, `E_TARGET_DENIED`, `E_REPOSITORY_BUSY` when another process has it
 */
export async function openStDrive(
  path: string,
  calls: SystemCalls,
  { patienceMs = 600_000, pollMs = 1000 }: StDriveOptions = {},
): Promise<OpenedDrive> {
  // Without waiting, also an empty drive can be opened, and a cartridge that is protected.
  const open = () => calls.open(path, constants.O_RDWR | constants.O_NONBLOCK)
  let fd: number | undefined = await onDevice(path, 'open', open)
  let spot: TapeSpot | undefined
  let isOnline = false
  let last: Promise<unknown> = Promise.resolve()
  const moves = { loads: 0, seeks: 0, readBytes: 0, writtenBytes: 0 }
  const opened = (): number => {
    if (fd !== undefined) return fd
    throw tapeError('E_TARGET_UNAVAILABLE', `${path} is not open.`, { hint: 'Load its cartridge again.' })
  }
  const ioctls = () => stIoctls(opened(), calls)

  /** What goes wrong under way leaves the head who knows where. */
  const moving = <T>(operation: string, { signal }: CallOptions, action: () => Promise<T>): Promise<T> => {
    const done = last.then(async () => {
      signal.throwIfAborted()
      const before = spot
      spot = undefined
      const result = await onDevice(path, operation, action)
      spot ??= before
      return result
    })
    last = done.catch(() => undefined)
    return done
  }
  const known = (): TapeSpot => {
    if (spot !== undefined) return spot
    throw tapeError('E_TARGET_IO', `${path} does not know where its tape is.`, { hint: 'Go to a place first.' })
  }

  const writing = (options: CallOptions, action: () => Promise<BlockWritten>): Promise<BlockWritten> =>
    moving('write', options, () =>
      action().catch((error: unknown) => {
        // Of a device that was opened for writing, it is the cartridge that denies it.
        if (errnoOf(error) !== errno.EACCES) throw error
        throw tapeError('E_TARGET_READ_ONLY', `The cartridge in ${path} is write protected.`, {
          hint: 'Move its switch, or take another cartridge.',
          cause: error,
        })
      }),
    )

  /** The driver looks at the drive when it is opened, and believes that until it is closed. */
  const reopen = async (): Promise<void> => {
    isOnline = false
    const old = fd
    fd = undefined
    if (old !== undefined) await calls.close(old)
    fd = await open()
  }
  const awaitOnline = async ({ signal }: CallOptions): Promise<void> => {
    const end = performance.now() + patienceMs
    let hasAsked = false
    for (;;) {
      await reopen()
      const { online, empty } = await ioctls().status()
      isOnline = online
      if (online) return
      if (!hasAsked) {
        // A cartridge that was let go of, and is still in the drive, is taken back in; one on its way refuses that.
        await ioctls().operate('MTLOAD').catch(onErrno(errno.EIO, undefined))
        hasAsked = true
      } else if (empty) {
        throw tapeError('E_MEDIA_NEEDED', `There is no cartridge in ${path}.`, {
          hint: 'Put a cartridge into the drive.',
        })
      } else if (performance.now() >= end) {
        throw tapeError('E_TARGET_UNAVAILABLE', `${path} does not become ready.`, {
          hint: 'Look at its display or its web page: it may be offline, or want a person.',
        })
      } else await sleep(pollMs, undefined, { signal })
    }
  }

  /** Spaces in steps that the command has room for. Tells whether all of it was possible. */
  const space = async (what: 'MTFSF' | 'MTFSR', count: number, { signal }: CallOptions): Promise<boolean> => {
    for (let left = count; left > 0; left -= mostAtOnce) {
      signal.throwIfAborted()
      const isDone = await ioctls()
        .operate(what, Math.min(left, mostAtOnce))
        .then(() => true, onErrno(errno.EIO, false))
      if (!isDone) return false
    }
    return true
  }
  const spaceTo = async (wanted: TapeSpot, from: TapeSpot | undefined, options: CallOptions): Promise<boolean> => {
    moves.seeks += 1
    const isAhead = from !== undefined && wanted.file > from.file
    const isWithin = from?.file === wanted.file && from.block <= wanted.block
    if (!isAhead && !isWithin) await ioctls().operate('MTREW')
    const files = isWithin ? 0 : wanted.file - (isAhead ? from.file : 0)
    const blocks = wanted.block - (isWithin ? from.block : 0)
    return (await space('MTFSF', files, options)) && (await space('MTFSR', blocks, options))
  }
  /** After EIO in a tape file: tells whether the tape ended on the way, by a filemark or by the end of the data. */
  const whyStopped = async (within: number): Promise<'filemark' | 'end-of-data'> => {
    const { endOfData, file } = await ioctls().status()
    if (endOfData) return 'end-of-data'
    // The driver counts files; that it is at the beginning of one it also says where nothing moved.
    if (file === within + 1) return 'filemark'
    throw tapeError('E_TARGET_IO', `${path} cannot go over its tape.`, { context: { device: path }, hint: cleanIt })
  }
  /** Reading failed. The end of the data is told by going over the block that is not there; one that is damaged is. */
  const isBlankAt = async (from: TapeSpot, options: CallOptions): Promise<boolean> => {
    if (!(await spaceTo(from, undefined, options))) return false
    if (await space('MTFSR', 1, options)) return false
    return (await ioctls().status()).endOfData
  }

  return {
    name: path,
    writesAtOnce: 1,
    spot: () => spot,
    moves: () => ({ ...moves }),
    load: (options) =>
      moving('load', options, async () => {
        await awaitOnline(options)
        moves.loads += 1
        await ioctls().operate('MTSETBLK', 0)
        await ioctls().operate('MTREW')
        const { writeProtected, blockLengthBytes } = await ioctls().status()
        if (blockLengthBytes !== 0) {
          throw tapeError('E_UNSUPPORTED', `${path} has blocks of ${blockLengthBytes} bytes, and no others.`, {
            hint: 'Take a drive that writes blocks of variable length, as LTO drives do.',
          })
        }
        spot = { file: 0, block: 0 }
        return { isWriteProtected: writeProtected, isWorm: undefined, remainingBytes: undefined }
      }),
    unload: (options) =>
      moving('unload', options, async () => {
        if (!isOnline) await awaitOnline(options)
        await ioctls().operate('MTOFFL')
        isOnline = false
      }).finally(() => {
        spot = undefined
      }),
    seek: (wanted, options) => {
      const from = spot
      if (from?.file === wanted.file && from.block === wanted.block) return Promise.resolve()
      return moving('seek', options, async () => {
        if (!(await spaceTo(wanted, from, options))) {
          await whyStopped(wanted.file)
          throw tapeError('E_DAMAGED', `${path}: the tape ends before tape file ${wanted.file}, or within it.`, {
            operation: 'target.seek',
            hint: "Its catalog says otherwise: read the tape's own with 'holdfast tape catalog --rebuild'.",
          })
        }
        spot = wanted
      })
    },
    reaches: async (file, options) => {
      const from = spot
      return await moving('seek', options, async () => {
        const isThere = await spaceTo({ file, block: 0 }, from, options)
        if (!isThere) await whyStopped(file)
        spot = isThere ? { file, block: 0 } : undefined
        return isThere
      })
    },
    skip: async (blocks, options) => {
      const from = known()
      return await moving('skip', options, async () => {
        moves.seeks += 1
        if (await space('MTFSR', blocks, options)) {
          spot = { ...from, block: from.block + blocks }
          return blocks
        }
        await whyStopped(from.file)
        // The driver keeps to itself how far it came, and few drives tell it what it asks for with MTIOCPOS: once more, step by step.
        if (!(await spaceTo(from, undefined, options))) throw unreadable(path, from)
        let passed = 0
        while (passed < blocks && (await space('MTFSR', 1, options))) passed += 1
        const hasEnded = passed < blocks && (await whyStopped(from.file)) === 'filemark'
        spot = hasEnded ? { file: from.file + 1, block: 0 } : { ...from, block: from.block + passed }
        return passed
      })
    },
    read: async (into, options) => {
      const from = known()
      return await moving('read', options, async (): Promise<BlockRead> => {
        const bytes = await calls
          .read(opened(), into)
          .catch(onErrno(errno.ENOMEM, 'other-block' as const))
          .catch(onErrno(errno.EIO, 'failed' as const))
        if (bytes === 'failed') {
          if (!(await isBlankAt(from, options))) throw unreadable(path, from)
          spot = from
          return { kind: 'end-of-data' }
        }
        if (bytes === 0 && (await ioctls().status()).endOfData) return { kind: 'end-of-data' }
        spot = bytes === 0 ? { file: from.file + 1, block: 0 } : { ...from, block: from.block + 1 }
        if (bytes === 'other-block') return { kind: bytes }
        moves.readBytes += bytes
        return bytes === 0 ? { kind: 'filemark' } : { kind: 'block', bytes }
      })
    },
    write: async (block, options) => {
      const from = known()
      return await writing(options, async () => {
        const put = () => calls.write(opened(), block)
        // Behind the early warning every other write is refused, whether it could be done or not.
        const first = await put().catch(onErrno(errno.ENOSPC, 'warning' as const))
        const written = first === 'warning' ? await put() : first
        if (written !== block.length)
          throw tapeError('E_TARGET_IO', `${path} took ${written} of ${block.length} bytes.`)
        spot = { ...from, block: from.block + 1 }
        moves.writtenBytes += block.length
        return { isNearEnd: first === 'warning' }
      })
    },
    endFile: async (options) => {
      const from = known()
      return await writing(options, async () => {
        const isNear = await isNearEnd(ioctls())
        try {
          await ioctls().operate('MTWEOF')
        } catch (error) {
          if (errnoOf(error) !== errno.EIO || !(await isNearEnd(ioctls()))) throw error
          throw tapeError('E_TARGET_FULL', `${path} has no room for a filemark.`, { cause: error })
        }
        spot = { file: from.file + 1, block: 0 }
        return { isNearEnd: isNear }
      })
    },
    erase: (options) =>
      moving('erase', options, async () => {
        // Erasing proper takes hours; a filemark at the beginning ends the data there.
        await ioctls().operate('MTREW')
        await ioctls().operate('MTWEOF')
        await ioctls().operate('MTREW')
        spot = { file: 0, block: 0 }
      }),
    // The driver passes no alerts on, and reserves drives for its process by itself.
    alerts: async () => [],
    release: async () => {},
    close: async () => {
      await last
      if (fd !== undefined) await calls.close(fd)
      fd = undefined
    },
  }
}

const cleanIt = 'The tape cannot be read here. Clean the drive; if it happens again, retire the cartridge.'

function unreadable(path: string, { file, block }: TapeSpot): Error {
  return tapeError('E_DAMAGED', `${path} cannot read block ${block} of tape file ${file}.`, {
    operation: 'target.read',
    context: { device: path },
    hint: cleanIt,
  })
}

/** Takes one error number for a result. */
function onErrno<T>(number: number, result: T): (error: unknown) => T {
  return (error) => {
    if (errnoOf(error) === number) return result
    throw error
  }
}
