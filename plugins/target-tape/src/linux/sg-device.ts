import { constants } from 'node:fs'
import type { ScsiCommand, ScsiDevice } from '@holdfast/protocol-iscsi/scsi'
import { tapeError } from '../drive/drive-errors.js'
import { errno, errnoOf, onDevice } from './device-errors.js'
import { sgRequest } from './sg-header.js'
import type { SystemCalls } from './system-calls.js'

/** A unit that was opened. */
export interface OpenedUnit extends ScsiDevice {
  /** Waits for the command that runs. */
  readonly close: () => Promise<void>
}

const shortTimeoutMs = 60_000

/**
 * Opens a unit by the sg driver of Linux. **Unproven on hardware.**
 *
 * Commands are sent by write(2) and their answers fetched by read(2), with the same header that the `SG_IO` ioctl takes. That ioctl
 * waits so that a signal ends the wait: when a process is stopped and goes on, or is frozen, the kernel begins the call again, and
 * the block is on the tape twice.
 *
 * Data goes through memory of the device's own, which does not move and is not collected while the kernel has its address.
 *
 * Abort: rejects at once, but the kernel takes no command back: it ends by itself, at its time limit at the latest. Commands that
 * follow wait for it, and the caller's memory is left alone from then on.
 *
 * @param isExclusive lets no other process open the unit by the sg driver, while the st driver stays open to all
 * @throws BackupError `E_TARGET_UNAVAILABLE`, `E_TARGET_DENIED`, `E_REPOSITORY_BUSY` when another process has it; of commands
 *   `E_TARGET_UNAVAILABLE` when no answer came: then nobody knows whether it was carried out
 */
export async function openSgDevice(
  path: string,
  calls: SystemCalls,
  { isExclusive }: { readonly isExclusive: boolean },
): Promise<OpenedUnit> {
  const flags = constants.O_RDWR | constants.O_NONBLOCK | (isExclusive ? constants.O_EXCL : 0)
  const fd = await onDevice(path, 'open', () => calls.open(path, flags))
  const request = sgRequest(calls.addressOf)
  let data = { memory: new ArrayBuffer(0), address: 0n }
  let last: Promise<unknown> = Promise.resolve()

  const room = (bytes: number): Uint8Array => {
    if (data.memory.byteLength < bytes) {
      const memory = new ArrayBuffer(bytes)
      data = { memory, address: calls.addressOf(memory) }
    }
    return new Uint8Array(data.memory, 0, bytes)
  }
  const answered = async (): Promise<void> => {
    for (;;) {
      await calls.readable(fd)
      try {
        await calls.read(fd, request.header)
        return
      } catch (error) {
        if (errnoOf(error) !== errno.EAGAIN) throw error
      }
    }
  }
  const carryOut = async (command: ScsiCommand, signal: AbortSignal, timeoutMs: number) => {
    signal.throwIfAborted()
    const { dataOut, dataIn } = command
    const memory = room(dataOut?.length ?? dataIn?.length ?? 0)
    if (dataOut !== undefined) memory.set(dataOut)
    request.fill(command, data.address, timeoutMs)
    await calls.write(fd, request.header)
    await answered()
    const answer = request.answer()
    if (typeof answer === 'string') throw lost(path, answer)
    if (!signal.aborted) dataIn?.set(memory.subarray(0, answer.dataInBytes))
    return answer
  }

  return {
    execute: (command, { signal, timeoutMs = shortTimeoutMs }) => {
      const turn = last.then(() => onDevice(path, 'take a command', () => carryOut(command, signal, timeoutMs)))
      last = turn.catch(() => undefined)
      return orAborted(turn, signal)
    },
    close: async () => {
      await last
      await calls.close(fd)
    },
  }
}

function lost(path: string, why: string): Error {
  return tapeError('E_TARGET_UNAVAILABLE', `${path} does not answer: ${why}.`, {
    operation: 'target.command',
    context: { device: path },
    hint: 'Look at the cables, and at the log of the kernel, with dmesg.',
  })
}

async function orAborted<T>(turn: Promise<T>, signal: AbortSignal): Promise<T> {
  const aborted = Promise.withResolvers<never>()
  const onAbort = () => aborted.reject(signal.reason)
  signal.addEventListener('abort', onAbort, { once: true })
  if (signal.aborted) onAbort()
  try {
    return await Promise.race([turn, aborted.promise])
  } finally {
    signal.removeEventListener('abort', onAbort)
  }
}
