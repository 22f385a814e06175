import { Buffer } from 'node:buffer'
import type { CallOptions } from '../contract/context.js'
import type { Extent } from '../model/extent.js'
import { type BlockState, blockStates } from './block-states.js'
import { openOverlayFiles } from './overlay-files.js'
import type { StateChange } from './overlay-journal.js'
import { rangeTurns } from './range-turns.js'
import { checkRange, joinedExtents, type ReadableDisk } from './readable-disk.js'
import { longestChange, unsavedChanges } from './unsaved-changes.js'
import { waitForAll } from './wait-for-all.js'

/** How to lay an overlay over a disk. */
export interface OverlayOptions extends CallOptions {
  /** Folder of the overlay's files; made when it is not there. */
  readonly folder: string
  /**
   * Keeps the overlay, and goes on with the one that is there; says what lies below, so that it is never laid over anything
   * else. @defaultValue what was written is gone when the disk is disposed, or the process ends
   */
  readonly keptFor?: string
}

/**
 * A disk that takes writes, and leaves what is below as it is.
 *
 * Writes to ranges that overlap take effect one after the other; what a call that settled wrote, all later reads see.
 */
export interface OverlayDisk extends ReadableDisk, AsyncDisposable {
  /** Writes bytes, which are the caller's again afterwards. @throws BackupError `E_PLACEMENT` when there is no room */
  readonly write: (offset: number, bytes: Uint8Array, options: CallOptions) => Promise<void>
  /** Makes a range read as zeros: at once, or with the room taken in the file. */
  readonly writeZeros: (
    offset: number,
    length: number,
    options: CallOptions & { /** @defaultValue false */ readonly takeRoom?: boolean },
  ) => Promise<void>
  /** Resolves when a kept overlay has all that was written before on stable storage. */
  readonly flush: (options: CallOptions) => Promise<void>
  /** Bytes that the overlay holds data for. */
  readonly heldBytes: () => number
}

/** As guests write: a smaller write to a block for the first time reads the rest of it from below. */
const blockBytes = 4096

const zeros = Buffer.alloc(2 ** 20)

/** Changes that are remembered until somebody flushes. */
const mostUnsaved = 65_536

/** Lays an overlay over a disk. @throws BackupError `E_PLACEMENT` */
export async function overlayDisk(base: ReadableDisk, options: OverlayOptions): Promise<OverlayDisk> {
  const { id, sizeBytes } = base
  const { folder, keptFor, signal } = options
  signal.throwIfAborted()
  const blocks = Math.ceil(sizeBytes / blockBytes)
  const states = blockStates()
  const turns = rangeTurns()
  const files = await openOverlayFiles({
    folder,
    name: encodeURIComponent(id.toWellFormed()),
    sizeBytes,
    keptFor: keptFor === undefined ? undefined : JSON.stringify([keptFor, id, sizeBytes]),
    onKept: ({ from, end, state }) => states.set(Math.min(from, blocks), Math.min(end, blocks), state),
    changes: () => Array.from(runs(0, blocks)).filter(({ state }) => state !== 'below'),
  })

  function* runs(from: number, end: number): Generator<StateChange> {
    for (let at = from; at < end; ) {
      const run = states.run(at, Math.min(end, at + longestChange))
      yield { from: at, ...run }
      at = run.end
    }
  }

  /** The runs of equal state of a range, in bytes. */
  function* parts(offset: number, end: number): Generator<{ from: number; to: number; state: BlockState }> {
    for (const run of runs(Math.floor(offset / blockBytes), Math.ceil(end / blockBytes))) {
      yield {
        from: Math.max(offset, run.from * blockBytes),
        to: Math.min(end, run.end * blockBytes),
        state: run.state,
      }
    }
  }

  const unsaved = unsavedChanges((changes) => files.save(changes))
  const change = (from: number, end: number, state: BlockState) => {
    if (from >= end) return
    for (const run of runs(from, end)) if (files.isKept && run.state !== state) unsaved.note({ ...run, state })
    states.set(from, end, state)
  }

  const read: ReadableDisk['read'] = async (offset, into, call) => {
    const tasks = Array.from(parts(offset, offset + into.byteLength), async ({ from, to, state }) => {
      const part = into.subarray(from - offset, to - offset)
      if (state === 'below') await base.read(from, part, call)
      else if (state === 'data') await files.read(part, from)
      else part.fill(0)
    })
    await waitForAll(tasks)
  }

  /** Brings into the file what a write leaves of a block that it touches for the first time. */
  const complete = async (from: number, to: number, block: number, call: CallOptions): Promise<void> => {
    if (from >= to || states.run(block, block + 1).state === 'data') return
    const rest = Buffer.alloc(to - from)
    await read(from, rest, call)
    await files.write(rest, from)
  }

  /** Called within the turn of all blocks that the range touches. */
  const writeInTurn = async (offset: number, bytes: Uint8Array, call: CallOptions): Promise<void> => {
    const end = offset + bytes.byteLength
    if (offset === end) return
    const first = Math.floor(offset / blockBytes)
    const last = Math.ceil(end / blockBytes)
    await complete(first * blockBytes, offset, first, call)
    await complete(end, Math.min(sizeBytes, last * blockBytes), last - 1, call)
    await files.write(bytes, offset)
    change(first, last, 'data')
  }

  const inTurn = async (offset: number, length: number, action: () => Promise<void>): Promise<void> => {
    await turns.take(Math.floor(offset / blockBytes), Math.ceil((offset + length) / blockBytes), action)
    if (unsaved.count() >= mostUnsaved) await unsaved.save()
  }

  async function* kinds(offset: number, end: number, call: CallOptions): AsyncGenerator<Extent> {
    for (const { from, to, state } of parts(offset, end)) {
      if (state === 'below') yield* base.extents(from, to - from, call)
      else yield { offset: from, length: to - from, kind: state }
    }
  }

  return {
    id,
    sizeBytes,
    read: async (offset, into, call) => {
      checkRange(base, offset, into.byteLength)
      await read(offset, into, call)
    },
    extents: (offset, length, call) => {
      checkRange(base, offset, length)
      return joinedExtents(kinds(offset, offset + length, call))
    },
    write: async (offset, bytes, call) => {
      checkRange(base, offset, bytes.byteLength)
      await inTurn(offset, bytes.byteLength, () => writeInTurn(offset, bytes, call))
    },
    writeZeros: async (offset, length, call) => {
      checkRange(base, offset, length)
      const end = offset + length
      await inTurn(offset, length, async () => {
        const first = Math.ceil(offset / blockBytes)
        const last = end === sizeBytes ? blocks : Math.floor(end / blockBytes)
        const isWritten = call.takeRoom === true || first >= last
        const from = isWritten ? end : first * blockBytes
        const to = isWritten ? end : Math.min(sizeBytes, last * blockBytes)
        for (const [start, stop] of [
          [offset, from],
          [to, end],
        ] as const) {
          for (let at = start; at < stop; at += zeros.length)
            await writeInTurn(at, zeros.subarray(0, Math.min(zeros.length, stop - at)), call)
        }
        if (!isWritten) change(first, last, 'zero')
      })
    },
    flush: unsaved.save,
    heldBytes: () => states.count('data') * blockBytes,
    [Symbol.asyncDispose]: async () => {
      try {
        await unsaved.save()
      } finally {
        await files[Symbol.asyncDispose]()
      }
    },
  }
}
