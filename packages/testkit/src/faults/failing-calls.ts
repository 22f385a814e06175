import { BackupError } from '@holdfast/core'
import type { Fault, FaultyCall } from './fault.js'

/** Which calls a fault strikes. */
export interface StruckCalls {
  readonly operation: FaultyCall['operation']
  /** The how many-th such call, from 1. @defaultValue `1` */
  readonly nth?: number
  /** Only calls about subjects (keys, machines, disks) that start so. */
  readonly subject?: string
}

/** Fails the nth call of an operation with `error`. @defaultValue a transient `E_TARGET_IO` */
export function failNth(struck: StruckCalls, error: () => unknown = transientFailure): Fault {
  const strikes = counter(struck)
  return {
    before: (call) => {
      if (strikes(call)) throw error()
    },
  }
}

/** Lets the nth call of an operation hang until it is aborted. */
export function stall(struck: StruckCalls): Fault {
  const strikes = counter(struck)
  return {
    before: async (call) => {
      if (strikes(call)) await untilAborted(call.signal)
    },
  }
}

/** Fails every call once so many bytes were moved, as a pulled cable does. */
export function disconnectAfterBytes(limit: number): Fault {
  let moved = 0
  const check = (): void => {
    if (moved >= limit) {
      throw new BackupError('E_TARGET_UNAVAILABLE', `The connection broke after ${moved} bytes.`, {
        retry: 'transient',
      })
    }
  }
  return {
    before: check,
    bytes: (piece) => {
      check()
      moved += piece.length
      return piece
    },
  }
}

/** Fails puts with `E_TARGET_FULL` once so many bytes were stored. */
export function full(afterBytes: number): Fault {
  let stored = 0
  return {
    bytes: (piece, _offset, { operation }) => {
      if (operation !== 'put') return piece
      stored += piece.length
      if (stored > afterBytes) throw new BackupError('E_TARGET_FULL', `There is room for ${afterBytes} bytes only.`)
      return piece
    },
  }
}

function transientFailure(): BackupError {
  return new BackupError('E_TARGET_IO', 'This call was told to fail.', { retry: 'transient' })
}

function counter({ operation, nth = 1, subject = '' }: StruckCalls): (call: FaultyCall) => boolean {
  let calls = 0
  return (call) => call.operation === operation && call.subject.startsWith(subject) && ++calls === nth
}

function untilAborted(signal: AbortSignal): Promise<never> {
  return new Promise((_, reject) => {
    if (signal.aborted) reject(signal.reason)
    signal.addEventListener('abort', () => reject(signal.reason), { once: true })
  })
}
