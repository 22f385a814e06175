import { BackupError, type Extent, wrapSource } from '@holdfast/core'
import { toArray } from '../../src/index.js'
import { brokenSource, environmentOf, twoMachines } from './broken-source.js'
import type { Sabotage } from './sabotage.js'

/** Sources whose disks read badly. */
export const brokenCaptures: readonly Sabotage<'source'>[] = [
  brokenSource('yields extents that overlap', 'source/extents/ordered', /starts before byte/, {
    disk: (disk) => ({ extents: (since, call) => mapped(disk.extents(since, call), (e) => [e, { ...e, length: 1 }]) }),
  }),
  brokenSource('yields extents out of order', 'source/extents/ordered', /starts before byte/, {
    disk: (disk) => ({
      extents: async function* (since, call) {
        yield* (await toArray(disk.extents(since, call))).reverse()
      },
    }),
  }),
  brokenSource('yields extents past the end', 'source/extents/ordered', /leaves the disk/, {
    disk: (disk) => ({
      extents: (since, call) =>
        mapped(disk.extents(since, call), (e) => [{ ...e, length: Math.ceil(e.length / 65_536) * 65_536 }]),
    }),
  }),
  brokenSource('yields other extents when asked again', 'source/extents/ordered', /asked again/, {
    disk: (disk) => {
      let asked = 0
      return { extents: (since, call) => mapped(disk.extents(since, call), (e) => (asked++ % 2 === 0 ? [e] : [])) }
    },
  }),
  brokenSource('leaves data out of its extents', 'source/extents/cover-data', /hold data/, {
    disk: (disk) => ({
      extents: (since, call) => mapped(disk.extents(since, call), (e) => (e.offset > 500_000 ? [] : [e])),
    }),
  }),
  brokenSource('cuts extents down to whole pages', 'source/extents/cover-data', /hold data/, {
    disk: (disk) => ({
      extents: (since, call) =>
        mapped(disk.extents(since, call), (e) => [{ ...e, length: Math.floor(e.length / 4096) * 4096 }]),
    }),
  }),
  brokenSource('calls data zero', 'source/extents/cover-data', /hold data/, {
    disk: (disk) => ({ extents: (since, call) => mapped(disk.extents(since, call), (e) => [{ ...e, kind: 'zero' }]) }),
  }),
  brokenSource('leaves the buffer as it was where a hole is', 'source/extents/cover-data', /do not read as zeros/, {
    disk: (disk) => ({
      readInto: async (offset, into, call) => {
        const bytes = new Uint8Array(into.length)
        await disk.readInto(offset, bytes, call)
        if (bytes.some((byte) => byte !== 0)) into.set(bytes)
      },
    }),
  }),
  brokenSource(
    'tells holes although it declares that it cannot',
    'source/extents/one-when-not-sparse',
    /Extents of disk/,
    {
      disk: (disk) => ({ extents: (since, call) => mapped(disk.extents(since, call), (e) => [{ ...e, length: 512 }]) }),
    },
    { sparse: false },
  ),
  brokenSource('misses a change', 'source/extents/changed-superset', /no changed extent covers it/, {
    disk: (disk) => ({
      extents: (since, call) =>
        mapped(disk.extents(since, call), (e) => (since !== undefined && e.offset < 100_000 ? [] : [e])),
    }),
  }),
  brokenSource('misses the end of a change', 'source/extents/changed-superset', /no changed extent covers it/, {
    disk: (disk) => ({
      extents: (since, call) =>
        mapped(disk.extents(since, call), (e) => [since === undefined ? e : { ...e, length: e.length - 2000 }]),
    }),
  }),
  brokenSource('calls a change zero that is not', 'source/extents/changed-superset', /is not zero/, {
    disk: (disk) => ({
      extents: (since, call) =>
        mapped(disk.extents(since, call), (e) => [since === undefined ? e : { ...e, kind: 'unallocated' }]),
    }),
  }),
  brokenSource(
    'never captures incrementally',
    'source/extents/changed-superset',
    /No disk was captured incrementally/,
    {
      disk: (disk) => ({ tracking: { ...disk.tracking, mode: 'full' } }),
    },
  ),
  brokenSource('leaves the tail of a read unfilled', 'source/read/any-range', /byte \d+ is 183/, {
    disk: (disk) => ({
      readInto: (offset, into, call) =>
        disk.readInto(offset, into.length > 512 ? into.subarray(0, into.length & ~511) : into, call),
    }),
  }),
  brokenSource('reads whole sectors only', 'source/read/any-range', /byte 0 is/, {
    disk: (disk) => ({ readInto: (offset, into, call) => disk.readInto(offset & ~511, into, call) }),
  }),
  brokenSource('fills more than the buffer', 'source/read/shared-memory', /after the buffer/, {
    disk: (disk) => ({
      readInto: async (offset, into, call) => {
        await disk.readInto(offset, into, call)
        const beyond = into.byteOffset + into.length
        if (beyond < into.buffer.byteLength)
          new Uint8Array(into.buffer, 2 * 65_536 < into.buffer.byteLength ? 2 * 65_536 : beyond)[0] = 1
      },
    }),
  }),
  brokenSource('moves one position for all reads of a disk', 'source/read/concurrent', /byte \d+ is/, {
    disk: (disk) => {
      let position = 0
      return {
        readInto: async (offset, into, call) => {
          position = offset
          await new Promise(setImmediate)
          await disk.readInto(Math.min(position, disk.sizeBytes - into.length), into, call)
        },
      }
    },
  }),
  brokenSource('reads zeros past the end', 'source/read/past-end', /it succeeded/, {
    disk: (disk) => ({
      readInto: async (offset, into, call) => {
        const inside = Math.max(0, Math.min(into.length, disk.sizeBytes - offset))
        if (inside > 0 && offset >= 0) await disk.readInto(offset, into.subarray(0, inside), call)
        into.fill(0, inside)
      },
    }),
  }),
  brokenSource('throws foreign errors past the end', 'source/read/past-end', /not a BackupError/, {
    disk: (disk) => ({
      readInto: (offset, into, call) =>
        disk.readInto(offset, into, call).catch((cause: unknown) => {
          throw new RangeError('Out of range.', { cause })
        }),
    }),
  }),
  brokenSource('reads although already aborted', 'source/read/abort', /although it was aborted/, {
    disk: (disk) => ({
      readInto: (offset, into) => disk.readInto(offset, into, { signal: new AbortController().signal }),
    }),
  }),
  brokenSource(
    'reads what the guest writes after the point in time',
    'source/capture/frozen',
    /captured before a change/,
    {
      disk: (disk, source, machine) => ({
        readInto: async (offset, into) => {
          into.set(source.bytes(machine, disk.id).subarray(offset, offset + into.length))
        },
      }),
    },
  ),
  brokenSource('leaves a disk out without a word', 'source/capture/describes', /Disks captured or unavailable/, {
    capture: ({ disks }) => ({ disks: disks.slice(1) }),
  }),
  brokenSource('gives no reason for a disk left out', 'source/capture/describes', /without a reason/, {
    capture: ({ disks }) => ({
      disks: disks.slice(1),
      unavailable: disks.slice(0, 1).map(({ id }) => ({ id, reason: '' })),
    }),
  }),
  brokenSource('captures another machine than asked', 'source/capture/describes', /Id and name/, {
    capture: ({ machine }) => ({ machine: { ...machine, name: 'another' } }),
  }),
  brokenSource('captures one machine at a time, or fails', 'source/capture/two-machines', /busy/, {
    prepared: (prepared, source) => ({
      take: async (call) => {
        if (source.inventory().length > 2) throw new BackupError('E_SOURCE_UNAVAILABLE', 'The source is busy.')
        return prepared.take(call)
      },
    }),
  }),
  brokenSource('closes a capture with its preparation', 'source/capture/outlives-preparation', /closed/, {
    prepared: (prepared) => {
      let closed = false
      return {
        take: async (call) => {
          const capture = await prepared.take(call)
          const disks = capture.disks.map((disk) => ({
            ...disk,
            readInto: async (...given: Parameters<typeof disk.readInto>) => {
              if (closed) throw new BackupError('E_SOURCE_READ', 'The disk is closed.')
              await disk.readInto(...given)
            },
          }))
          return { ...capture, disks }
        },
        [Symbol.asyncDispose]: async () => {
          closed = true
        },
      }
    },
  }),
  brokenSource('does not release its captures', 'source/capture/released', /Inventory after releasing/, {
    capture: () => ({ [Symbol.asyncDispose]: async () => undefined }),
  }),
  brokenSource('fails when a capture is acknowledged', 'source/capture/acknowledge', /no base/, {
    capture: () => ({
      acknowledge: async () => {
        throw new BackupError('E_CHANGE_TOKEN', 'There is no base.')
      },
    }),
  }),
  {
    flaw: 'disturbs the machine while preparing',
    caughtBy: 'source/prepare/discard',
    because: /Inventory after discarding/,
    environment: () => {
      const source = twoMachines()
      const left: string[] = []
      const broken = wrapSource(source, (session) => ({
        ...session,
        prepare: (machine, request, call) => {
          left.push(`snapshot of ${machine.id}`)
          return session.prepare(machine, request, call)
        },
      }))
      return { ...environmentOf(source), create: () => broken, inventory: async () => [...source.inventory(), ...left] }
    },
  },
]

async function* mapped(
  extents: AsyncIterable<Extent>,
  map: (extent: Extent) => readonly Extent[],
): AsyncGenerator<Extent> {
  for await (const extent of extents) yield* map(extent)
}
