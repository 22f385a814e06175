import type { CallOptions } from '@holdfast/core'
import {
  awaitReady,
  erase,
  isScsiError,
  loadMedium,
  locate,
  modeSelect,
  modeSense,
  readAttributes,
  readBlock,
  releaseUnit,
  reportSupportedOperations,
  reserveUnit,
  rewind,
  type ScsiDevice,
  spaceBlocks,
  spaceFilemarks,
  summarizeAttributes,
  tapeAlerts,
  testUnitReady,
  unloadMedium,
  writeBlock,
  writeFilemarks,
} from '@holdfast/protocol-iscsi/scsi'
import { fromDevice, tapeError } from './drive-errors.js'
import type { BlockRead, LoadedMedium, TapeDrive, TapeSpot } from './tape-drive.js'

const opcodes = { reserve: 0x16, locate16: 0x92, readAttribute: 0x8c } as const
const releaseTimeoutMs = 10_000

/** How a drive is reached. */
export interface ScsiDriveOptions {
  /** The way to it keeps the order of commands that are under way together, and so many help. @defaultValue 1 */
  readonly writesAtOnce?: number
}

/**
 * A drive that takes SCSI commands.
 *
 * It keeps count of where the head is, since not every drive tells. It goes to a tape file by LOCATE(16) where the drive says that it has
 * the command, else by REWIND and SPACE; within a file always by SPACE, forwards, which LTO drives do from their own directory of the tape.
 */
export function scsiDrive(name: string, device: ScsiDevice, { writesAtOnce = 1 }: ScsiDriveOptions = {}): TapeDrive {
  let spot: TapeSpot | undefined
  let locates = false
  let isReserved = false
  const moves = { loads: 0, seeks: 0, readBytes: 0, writtenBytes: 0 }

  /** What goes wrong under way leaves the head who knows where. */
  const moving = async <T>(operation: string, action: () => Promise<T>): Promise<T> => {
    const before = spot
    spot = undefined
    const result = await fromDevice(name, operation, action)
    spot ??= before
    return result
  }
  const known = (): TapeSpot => {
    if (spot !== undefined) return spot
    throw tapeError('E_TARGET_IO', `${name} does not know where its tape is.`, { hint: 'Go to a place first.' })
  }

  /** Tells whether there is such a file. */
  const toFile = async (file: number, { signal }: CallOptions, from: TapeSpot | undefined): Promise<boolean> => {
    moves.seeks += 1
    const located = locates ? await isLocated(device, file, signal) : 'unsupported'
    if (located !== 'unsupported') return located
    // It says that it has the command, and has it not, or not with files.
    locates = false
    const isAhead = from !== undefined && file > from.file
    if (!isAhead) await rewind(device, { signal })
    const count = isAhead ? file - from.file : file
    if (count === 0) return true
    const { stoppedBy } = await spaceFilemarks(device, count, { signal })
    return stoppedBy === 'nothing'
  }

  return {
    name,
    writesAtOnce,
    spot: () => spot,
    moves: () => ({ ...moves }),
    load: (options) =>
      moving('load', async () => {
        const { signal } = options
        await threaded(device, signal)
        moves.loads += 1
        const operations = await reportSupportedOperations(device, { signal }).catch(orElse([]))
        // Other hosts know nothing of our claims. It ends with the session of the transport, so that nothing stays behind of who dies.
        if (operations.some(({ opcode }) => opcode === opcodes.reserve)) {
          const isTaken = reserveUnit(device, { signal }).then(() => true)
          isReserved = await isTaken.catch(orElse(false))
        }
        locates = operations.some(({ opcode }) => opcode === opcodes.locate16)
        const { isWriteProtected, bufferedMode, blockDescriptor } = await modeSense(device, { page: 0 }, { signal })
        // The length of blocks is a property of the drive, and somebody else may have set it.
        const densityCode = blockDescriptor?.densityCode ?? 0
        await modeSelect(
          device,
          {
            bufferedMode: Math.max(1, bufferedMode),
            blockDescriptor: { densityCode, blockCount: 0, blockLengthBytes: 0 },
          },
          { signal },
        )
        const hasMemory = operations.some(({ opcode }) => opcode === opcodes.readAttribute)
        const memory = hasMemory
          ? summarizeAttributes(await readAttributes(device, { signal }).catch(orElse([])))
          : undefined
        await rewind(device, { signal })
        spot = { file: 0, block: 0 }
        return {
          isWriteProtected,
          isWorm: memory?.kind === undefined ? undefined : memory.kind === 'worm',
          remainingBytes: memory?.remainingBytes,
        } satisfies LoadedMedium
      }),
    release: async () => {
      if (!isReserved) return
      isReserved = false
      // Where this fails the session is lost, and the reservation with it.
      await releaseUnit(device, { signal: AbortSignal.timeout(releaseTimeoutMs) }).catch(() => undefined)
    },
    unload: ({ signal }) =>
      fromDevice(name, 'unload', async () => {
        spot = undefined
        // It may have something to tell first, that nobody heard yet.
        const isThreaded = await awaitReady(device, { signal }).then(() => true, notThreaded)
        if (isThreaded) await unloadMedium(device, { signal })
      }),
    seek: (wanted, options) => {
      const from = spot
      if (from?.file === wanted.file && from.block === wanted.block) return Promise.resolve()
      return moving('seek', async () => {
        const isWithin = from?.file === wanted.file && from.block < wanted.block
        if (!isWithin && !(await toFile(wanted.file, options, from))) throw damagedPlace(name, wanted.file)
        const blocks = wanted.block - (isWithin ? from.block : 0)
        if (blocks > 0) {
          if (isWithin) moves.seeks += 1
          const { stoppedBy } = await spaceBlocks(device, blocks, options)
          if (stoppedBy !== 'nothing') throw damagedPlace(name, wanted.file)
        }
        spot = wanted
      })
    },
    reaches: async (file, options) => {
      const from = spot
      const isThere = await moving('seek', () => toFile(file, options, from))
      spot = isThere ? { file, block: 0 } : undefined
      return isThere
    },
    skip: async (blocks, options) => {
      const from = known()
      return await moving('skip', async () => {
        moves.seeks += 1
        const { kind, passed } = locates
          ? await passedBySpace(device, blocks, options)
          : await passedByReading(device, blocks, options)
        spot = kind === 'filemark' ? { file: from.file + 1, block: 0 } : { ...from, block: from.block + passed }
        return passed
      })
    },
    read: async (into, options) => {
      const from = known()
      return await moving('read', async (): Promise<BlockRead> => {
        const read = await readAny(device, into, options)
        if (read.kind === 'filemark') spot = { file: from.file + 1, block: 0 }
        else if (read.kind !== 'end-of-data') spot = { ...from, block: from.block + 1 }
        if (read.kind === 'block') moves.readBytes += read.bytes
        return read
      })
    },
    write: async (block, options) => {
      const from = known()
      // As far as those know that are sent before it is answered.
      spot = { ...from, block: from.block + 1 }
      try {
        const { earlyWarning } = await fromDevice(name, 'write', () => writeBlock(device, block, options))
        moves.writtenBytes += block.length
        return { isNearEnd: earlyWarning }
      } catch (error) {
        spot = undefined
        throw error
      }
    },
    erase: (options) =>
      moving('erase', async () => {
        await rewind(device, options)
        const isErased = await erase(device, options)
          .then(() => true)
          .catch(orElse(false))
        if (!isErased) await writeFilemarks(device, 1, options)
        await rewind(device, options)
        spot = { file: 0, block: 0 }
      }),
    alerts: (options) =>
      fromDevice(name, 'tell its alerts', async () => {
        // What it has to tell otherwise would come first.
        await testUnitReady(device, options).catch(orPass)
        const alerts = await tapeAlerts(device, 'drive', options).catch(orElse([]))
        return alerts.map((alert) => `${alert.severity}: ${alert.name}`)
      }),
    endFile: async (options) => {
      const from = known()
      return await moving('write', async () => {
        const { earlyWarning } = await writeFilemarks(device, 1, options)
        const file = from.file + 1
        // Drives that know no places are programs, of which some say that they wrote a filemark when their disk is full.
        if (!locates && !(await toFile(file, options, undefined))) throw noFilemark(name)
        spot = { file, block: 0 }
        return { isNearEnd: earlyWarning }
      })
    },
  }
}

/** A cartridge that somebody unloaded, and nobody took out, has to be threaded again. */
async function threaded(device: ScsiDevice, signal: AbortSignal): Promise<void> {
  try {
    await awaitReady(device, { signal })
  } catch (error) {
    notThreaded(error)
    await loadMedium(device, { signal })
    await awaitReady(device, { signal })
  }
}

/** Somebody else unloaded it. */
function notThreaded(error: unknown): false {
  if (!isScsiError(error)) throw error
  const { code, sense } = error
  // 04/02: the drive wants to be told to thread it.
  if (code === 'no-medium' || (sense?.asc === 0x04 && sense.ascq === 0x02)) return false
  throw error
}

async function readAny(device: ScsiDevice, into: Uint8Array, options: CallOptions): Promise<BlockRead> {
  try {
    const read = await readBlock(device, into, options)
    return read.kind === 'longer-block' ? { kind: 'other-block' } : read
  } catch (error) {
    if (isScsiError(error) && error.code === 'short-transfer') return { kind: 'other-block' }
    throw error
  }
}

/** Tells whether there is such a file, if the drive can go there at all. */
async function isLocated(device: ScsiDevice, file: number, signal: AbortSignal): Promise<boolean | 'unsupported'> {
  try {
    const done = await locate(device, { file }, { signal }).catch(orElse('unsupported' as const))
    return done ?? true
  } catch (error) {
    if (isScsiError(error) && error.code === 'blank') return false
    throw error
  }
}

interface Passed {
  readonly passed: number
  readonly kind: 'block' | 'filemark' | 'end-of-data'
}

async function passedBySpace(device: ScsiDevice, blocks: number, options: CallOptions): Promise<Passed> {
  const { stoppedBy, remaining = 0 } = await spaceBlocks(device, blocks, options)
  if (stoppedBy === 'nothing') return { passed: blocks, kind: 'block' }
  return { passed: blocks - remaining, kind: stoppedBy === 'filemark' ? 'filemark' : 'end-of-data' }
}

/** One by one: drives that know no LOCATE may take a filemark for a block, and go on. */
async function passedByReading(device: ScsiDevice, blocks: number, options: CallOptions): Promise<Passed> {
  const scrap = new Uint8Array(scrapBytes)
  for (let passed = 0; passed < blocks; passed++) {
    const { kind } = await readBlock(device, scrap, options)
    if (kind === 'filemark' || kind === 'end-of-data') return { passed, kind }
  }
  return { passed: blocks, kind: 'block' }
}

/** Longer than two of our blocks: some drives give a wrong amount for what is a little longer than a block. */
const scrapBytes = 2 ** 20

function orPass(error: unknown): void {
  if (!isScsiError(error)) throw error
}

/** A command that a drive does not have tells nothing. */
function orElse<T>(nothing: T): (error: unknown) => T {
  return (error) => {
    if (isScsiError(error) && (error.code === 'unsupported' || error.code === 'illegal-request')) return nothing
    throw error
  }
}

function noFilemark(name: string): Error {
  return tapeError('E_TARGET_IO', `${name} took a filemark, and it is not on the tape.`, {
    operation: 'target.write',
    hint: 'If its cartridges are files: is there room for them?',
  })
}

function damagedPlace(name: string, file: number): Error {
  return tapeError('E_DAMAGED', `${name}: the tape ends before tape file ${file}, or within it.`, {
    operation: 'target.seek',
    hint: "Its catalog says otherwise: read the tape's own with 'holdfast tape catalog --rebuild'.",
  })
}
