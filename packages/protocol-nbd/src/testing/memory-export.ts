import type { NbdExport } from '../server/nbd-export.js'
import { allocationState } from '../wire/constants.js'
import type { StatusExtent } from '../wire/replies.js'

/** A call that an export got. */
export interface RecordedCall {
  readonly method: 'read' | 'write' | 'trim' | 'writeZeroes' | 'flush' | 'blockStatus'
  readonly offset: number
  readonly length: number
  /** Flags of `writeZeroes`. */
  readonly noHole?: boolean
  readonly fast?: boolean
}

/** A disk in memory that remembers what was done with it. */
export interface MemoryExport extends NbdExport {
  readonly bytes: Uint8Array
  /** In the order of arrival. */
  readonly calls: readonly RecordedCall[]
}

/** A block that was never written, trimmed or punched is a hole. */
const blockBytes = 4096

/** Makes a disk of zeros; properties that are given replace its own. */
export function memoryExport(sizeBytes: number, overrides: Partial<NbdExport> = {}): MemoryExport {
  const bytes = new Uint8Array(sizeBytes)
  const taken = new Uint8Array(Math.ceil(sizeBytes / blockBytes))
  const calls: RecordedCall[] = []
  const take = (offset: number, length: number) =>
    taken.fill(1, Math.floor(offset / blockBytes), Math.ceil((offset + length) / blockBytes))
  const punch = (offset: number, length: number) => {
    bytes.fill(0, offset, offset + length)
    const end = offset + length
    const last = end === sizeBytes ? taken.length : Math.floor(end / blockBytes)
    taken.fill(0, Math.ceil(offset / blockBytes), Math.max(last, Math.ceil(offset / blockBytes)))
  }

  return {
    name: 'memory',
    sizeBytes,
    canMultiConn: true,
    bytes,
    calls,
    read: async (offset, into) => {
      calls.push({ method: 'read', offset, length: into.length })
      into.set(bytes.subarray(offset, offset + into.length))
    },
    write: async (offset, data) => {
      calls.push({ method: 'write', offset, length: data.length })
      bytes.set(data, offset)
      take(offset, data.length)
    },
    trim: async (offset, length) => {
      calls.push({ method: 'trim', offset, length })
      punch(offset, length)
    },
    writeZeroes: async (offset, length, { noHole, fast }) => {
      calls.push({ method: 'writeZeroes', offset, length, noHole, fast })
      punch(offset, length)
      if (noHole) take(offset, length)
    },
    flush: async () => {
      calls.push({ method: 'flush', offset: 0, length: 0 })
    },
    blockStatus: async (offset, length) => {
      calls.push({ method: 'blockStatus', offset, length })
      return extentsOf(taken, offset, Math.min(sizeBytes, offset + length))
    },
    ...overrides,
  }
}

function extentsOf(taken: Uint8Array, start: number, end: number): readonly StatusExtent[] {
  const extents: { length: number; flags: number }[] = []
  for (let at = start; at < end; ) {
    const block = Math.floor(at / blockBytes)
    const next = Math.min(end, (block + 1) * blockBytes)
    const flags = taken[block] === 1 ? 0 : allocationState.hole | allocationState.zero
    const last = extents.at(-1)
    if (last?.flags === flags) last.length += next - at
    else extents.push({ length: next - at, flags })
    at = next
  }
  return extents
}
