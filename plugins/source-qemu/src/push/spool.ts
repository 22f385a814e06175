import { open, rm } from 'node:fs/promises'
import type { Extent } from '@holdfast/core'
import { NbdError, type NbdExport } from '@holdfast/protocol-nbd'

/** What QEMU sent of a disk. */
export interface Spool extends AsyncDisposable {
  /** What QEMU writes to. */
  readonly shown: NbdExport
  /** From now on, or from now on no more, what arrives is noted as changed. */
  readonly noteChanges: (isOn: boolean) => void
  /** Tells whether all of a range has arrived. */
  readonly holds: (offset: number, lengthBytes: number) => boolean
  /** Yields what arrived, or of it what was noted as changed; ascending, neighbours of one kind joined. */
  readonly extents: (which: 'all' | 'changed') => Generator<Extent, void>
  /** Fills the whole of `into`, of a range that has arrived. */
  readonly read: (offset: number, into: Uint8Array) => Promise<void>
  /** Something could not be stored for want of room. */
  readonly isFull: () => boolean
}

/** QEMU copies in clusters of this size, or of multiples of it. */
const blockBytes = 65_536
const isZero = 1
const isData = 2
const isChanged = 4

/** How the file system says that there is no room. */
const noRoom: readonly unknown[] = ['ENOSPC', 'EDQUOT', 'EFBIG']

/**
 * Makes a spool in a sparse file that has no name any more when this resolves: it ends with the process.
 *
 * Guarantee: one byte of memory for 64 KiB of the disk, whatever QEMU sends. What is no whole block is refused, so that nothing
 * ever counts as arrived that has not.
 *
 * @throws the error of the file system
 */
export async function createSpool(path: string, name: string, sizeBytes: number): Promise<Spool> {
  const file = await open(path, 'wx+', 0o600)
  try {
    await rm(path)
    await file.truncate(sizeBytes)
  } catch (error) {
    await file.close()
    throw error
  }
  const blocks = new Uint8Array(Math.ceil(sizeBytes / blockBytes))
  let changed = 0
  let isFull = false

  const store = async (offset: number, bytes: Uint8Array) => {
    try {
      for (let at = 0; at < bytes.length; ) {
        const { bytesWritten } = await file.write(bytes, at, bytes.length - at, offset + at)
        at += bytesWritten
      }
    } catch (error) {
      if (noRoom.includes(codeOf(error))) isFull = true
      throw error
    }
  }
  const rangeOf = (offset: number, lengthBytes: number): readonly [number, number] => {
    const end = offset + lengthBytes
    if (offset % blockBytes !== 0 || (end % blockBytes !== 0 && end !== sizeBytes))
      throw new NbdError('invalid', 'A write is no whole block.', { errno: 'EINVAL' })
    return [offset / blockBytes, Math.ceil(end / blockBytes)]
  }
  const note = (block: number, kind: number) => {
    blocks[block] = kind | changed | ((blocks[block] ?? 0) & isChanged)
  }

  return {
    shown: {
      name,
      sizeBytes,
      read: async () => {
        throw new NbdError('unsupported', 'A spool is only written to.', { errno: 'EPERM' })
      },
      write: async (offset, bytes) => {
        const [first, end] = rangeOf(offset, bytes.length)
        await store(offset, bytes)
        for (let block = first; block < end; block++) note(block, isData)
      },
      writeZeroes: async (offset, lengthBytes) => {
        const [first, end] = rangeOf(offset, lengthBytes)
        for (let block = first; block < end; block++) {
          const at = block * blockBytes
          const isWritten = ((blocks[block] ?? 0) & isData) !== 0
          if (isWritten) await store(at, new Uint8Array(Math.min(blockBytes, sizeBytes - at)))
          note(block, isWritten ? isData : isZero)
        }
      },
    },
    noteChanges: (isOn) => {
      changed = isOn ? isChanged : 0
    },
    holds: (offset, lengthBytes) => {
      for (let block = Math.floor(offset / blockBytes); block * blockBytes < offset + lengthBytes; block++)
        if (((blocks[block] ?? 0) & (isData | isZero)) === 0) return false
      return true
    },
    extents: function* (which) {
      const wanted = (block: number) => {
        const state = blocks[block] ?? 0
        return which === 'changed' && (state & isChanged) === 0 ? 0 : state & (isData | isZero)
      }
      for (let block = 0; block < blocks.length; ) {
        const kind = wanted(block)
        let end = block + 1
        while (end < blocks.length && wanted(end) === kind) end++
        const offset = block * blockBytes
        const length = Math.min(end * blockBytes, sizeBytes) - offset
        if (kind !== 0) yield { offset, length, kind: kind === isData ? 'data' : 'zero' }
        block = end
      }
    },
    read: async (offset, into) => {
      for (let at = 0; at < into.length; ) {
        const { bytesRead } = await file.read(into, at, into.length - at, offset + at)
        if (bytesRead === 0) throw new Error('the spool ends early')
        at += bytesRead
      }
    },
    isFull: () => isFull,
    [Symbol.asyncDispose]: () => file.close(),
  }
}

function codeOf(error: unknown): unknown {
  return typeof error === 'object' && error !== null && 'code' in error ? error.code : undefined
}
