import { constants } from 'node:fs'
import { setImmediate as soon } from 'node:timers/promises'
import type { ScsiAnswer, ScsiDevice } from '@holdfast/protocol-iscsi/scsi'
import type { SystemCalls } from '../../src/linux/system-calls.js'
import { failure, type OpenFile } from './open-file.js'
import { simulatedSt } from './simulated-st.js'

/** A device file, and the unit behind it. */
export interface SimulatedNode {
  readonly major: number
  readonly minor: number
  readonly device: ScsiDevice
}

/** What passes by a hook before the unit has the command. */
export type Passing = (cdb: Uint8Array) => Promise<void>

/** System calls of a machine with some device files, and what can be done to it. */
export interface SimulatedKernel extends SystemCalls {
  readonly openFiles: () => number
  /** Holds every command of sg up until it resolves. */
  passing: Passing
  /** Bytes of the last header that was sent to sg, as they were sent. */
  lastHeader: Uint8Array
  /** What sg reports of the adapter for the next command, instead of an answer of the unit. */
  nextHostStatus: number
}

/** Memory as addresses: every piece has one of its own, and keeps it. */
interface Memory {
  readonly addressOf: (memory: ArrayBuffer) => bigint
  readonly at: (address: bigint, bytes: number) => Uint8Array
}

/**
 * A kernel with the sg and the st driver, as drivers/scsi/sg.c and st.c behave, over units in memory.
 *
 * It takes the real bytes of the structures at their offsets in the C headers, and knows nothing of how they were made.
 */
export function simulatedKernel(nodes: Readonly<Record<string, SimulatedNode>>): SimulatedKernel {
  const files = new Map<number, { readonly path: string; readonly isExclusive: boolean; readonly file: OpenFile }>()
  const memory = addresses()
  let lastFd = 2
  const nodeAt = (path: string): SimulatedNode => {
    const node = nodes[path]
    if (node === undefined) throw failure('ENOENT')
    return node
  }
  const fileOf = (fd: number): OpenFile => {
    const found = files.get(fd)
    if (found === undefined) throw new Error(`File ${fd} is not open.`)
    return found.file
  }
  const kernel: SimulatedKernel = {
    openFiles: () => files.size,
    passing: async () => undefined,
    lastHeader: new Uint8Array(),
    nextHostStatus: 0,
    addressOf: memory.addressOf,
    deviceNumber: async (path) => nodeAt(path),
    open: async (path, flags) => {
      const { major, device } = nodeAt(path)
      const others = [...files.values()].filter((each) => each.path === path)
      const isExclusive = (flags & constants.O_EXCL) !== 0
      const isTaken = major === 9 ? others.length > 0 : others.some((each) => isExclusive || each.isExclusive)
      if (isTaken) throw failure('EBUSY')
      if ((flags & constants.O_NONBLOCK) === 0) throw new Error('It would wait for the drive.')
      if ((flags & constants.O_RDWR) === 0) throw new Error('It could not write.')
      const file = major === 9 ? await simulatedSt(device) : sgFile(device, kernel, memory)
      files.set(++lastFd, { path, isExclusive, file })
      return lastFd
    },
    close: async (fd) => {
      await fileOf(fd).release()
      files.delete(fd)
    },
    read: async (fd, into) => await fileOf(fd).read(into),
    write: async (fd, bytes) => await fileOf(fd).write(bytes),
    ioctl: async (fd, request, argument) => await fileOf(fd).ioctl(request, argument),
    readable: async (fd) => await fileOf(fd).readable(),
  }
  return kernel
}

function addresses(): Memory {
  const pieces: { readonly start: bigint; readonly memory: ArrayBuffer }[] = []
  return {
    addressOf: (memory) => {
      const known = pieces.find((each) => each.memory === memory)
      if (known !== undefined) return known.start
      const start = BigInt(pieces.length + 1) << 32n
      pieces.push({ start, memory })
      return start
    },
    at: (address, bytes) => {
      const piece = pieces.find(
        ({ start, memory }) => address >= start && address + BigInt(bytes) <= start + BigInt(memory.byteLength),
      )
      if (piece === undefined) throw new Error(`Nobody has ${bytes} bytes of memory at ${address}.`)
      return new Uint8Array(piece.memory, Number(address - piece.start), bytes)
    },
  }
}

type Done = ScsiAnswer | 'lost'

/** A command that was sent, and whose answer was not fetched. */
interface Sent {
  readonly header: DataView<ArrayBuffer>
  readonly dataIn: Uint8Array
  readonly end: Promise<void>
  done: Done | undefined
  isPolled: boolean
}

/** drivers/scsi/sg.c: sg_write, sg_read and sg_poll for `struct sg_io_hdr`, one command at a time. */
function sgFile(device: ScsiDevice, kernel: SimulatedKernel, memory: Memory): OpenFile {
  let sent: Sent | undefined
  return {
    write: async (bytes) => {
      const header = new DataView(bytes.slice().buffer)
      kernel.lastHeader = new Uint8Array(header.buffer)
      // A direction below 0 tells this header from the older one.
      if (bytes.length < 88 || header.getInt32(4, true) >= 0 || header.getInt32(0, true) !== 0x53)
        throw failure('EINVAL')
      if (sent !== undefined) throw new Error('The last answer was not fetched.')
      const [direction, dataBytes] = [header.getInt32(4, true), header.getUint32(12, true)]
      const data = dataBytes === 0 ? new Uint8Array() : memory.at(header.getBigUint64(16, true), dataBytes)
      const cdb = memory.at(header.getBigUint64(24, true), header.getUint8(8)).slice()
      if (header.getUint32(40, true) === 0) throw new Error('There is no time limit.')
      const dataIn = new Uint8Array(direction === -3 ? dataBytes : 0)
      const command = { cdb, ...(direction === -2 && { dataOut: data.slice() }), ...(direction === -3 && { dataIn }) }
      const end = Promise.withResolvers<void>()
      const request: Sent = { header, dataIn, done: undefined, isPolled: false, end: end.promise }
      sent = request
      const carryOut = async (): Promise<void> => {
        await soon()
        await kernel.passing(cdb)
        request.done = await device.execute(command, { signal: new AbortController().signal }).catch((): Done => 'lost')
        end.resolve()
      }
      void carryOut()
      return bytes.length
    },
    readable: async () => {
      if (sent === undefined) return
      // The first comes back early, as by a signal.
      if (sent.isPolled) await sent.end
      sent.isPolled = true
    },
    read: async (into) => {
      if (sent?.done === undefined) throw failure('EAGAIN')
      const { header, dataIn, done } = sent
      sent = undefined
      const host = done === 'lost' ? 3 : kernel.nextHostStatus
      kernel.nextHostStatus = 0
      header.setUint16(68, host, true)
      if (done !== 'lost' && host === 0) {
        const { status, sense, dataInBytes } = done
        const senseBytes = Math.min(sense.length, header.getUint8(9))
        header.setUint8(64, status)
        header.setUint8(67, senseBytes)
        header.setUint16(70, senseBytes > 0 ? 8 : 0, true)
        memory.at(header.getBigUint64(32, true), senseBytes).set(sense.subarray(0, senseBytes))
        const isIn = header.getInt32(4, true) === -3
        header.setInt32(72, isIn ? header.getUint32(12, true) - dataInBytes : 0, true)
        if (isIn) memory.at(header.getBigUint64(16, true), dataIn.length).set(dataIn)
      }
      into.set(new Uint8Array(header.buffer))
      return 88
    },
    ioctl: async () => {
      throw failure('ENOTTY')
    },
    release: async () => {
      if (sent !== undefined) throw new Error('It was closed while a command ran.')
    },
  }
}
