import {
  type Capture,
  type CapturedDisk,
  type DiskId,
  type MachineId,
  type PreparedCapture,
  type SourceSession,
  wrapSource,
} from '@holdfast/core'
import { seededBytes, seededImage } from '../../src/images/index.js'
import { bootSector, type MemorySource, type MemorySourceOptions, memorySource } from '../../src/memory/index.js'
import type { DescribedSource } from '../../src/vitest.js'
import type { Sabotage } from './sabotage.js'

/** How a flaw changes what a memory source gives. */
export interface SourceBreakage {
  readonly session?: (session: SourceSession, source: MemorySource) => Partial<SourceSession>
  readonly prepared?: (prepared: PreparedCapture, source: MemorySource) => Partial<PreparedCapture>
  readonly capture?: (capture: Capture, source: MemorySource) => Partial<Capture>
  readonly disk?: (disk: CapturedDisk, source: MemorySource, machine: string) => Partial<CapturedDisk>
}

/** Makes one row of the table: a memory source that is broken in one way. */
export function brokenSource(
  flaw: string,
  caughtBy: string,
  because: RegExp,
  breakage: SourceBreakage,
  options: Partial<MemorySourceOptions> = {},
): Sabotage<'source'> {
  return {
    flaw,
    caughtBy,
    because,
    environment: () => {
      const source = twoMachines(options)
      const broken = wrapSource(source, (session) => brokenSession(session, source, breakage))
      return { ...environmentOf(source), create: () => broken }
    },
  }
}

/** A memory source with a sparse and a full machine. */
export function twoMachines(options: Partial<MemorySourceOptions> = {}): MemorySource {
  return memorySource({
    ...options,
    machines: [
      {
        name: 'web-1',
        labels: { tier: 'web' },
        disks: { root: seededImage(1_500_000, 1), empty: new Uint8Array(100_000) },
      },
      { name: 'db-1', id: 'b7', labels: { tier: 'db' }, disks: { root: seededBytes(300_001, 2) } },
    ],
  })
}

/** All that the checks can use of a memory source made by {@link twoMachines}. */
export function environmentOf(source: MemorySource): DescribedSource {
  let changes = 0
  const refs = [
    { id: 'web-1', name: 'web-1' },
    { id: 'b7', name: 'db-1' },
  ]
  return {
    create: () => source,
    machines: refs.map(({ id, name }) => ({ id: id as DescribedSource['machines'][number]['id'], name })),
    reference: async (machine, disk) => source.bytes(machine, disk),
    inventory: async () => source.inventory(),
    mutate: async (machine, disk) => source.mutate(machine, disk, 70_000, seededBytes(5_000, ++changes)),
    change: async (machine) => {
      source.mutate(machine, 'root', 10_000, seededBytes(5_000, ++changes))
      source.mutate(machine, 'root', 200_000, new Uint8Array(9_000))
    },
    bootable: {
      machine: {
        id: 'bootable' as MachineId,
        name: 'bootable',
        disks: [{ id: 'disk-0' as DiskId, sizeBytes: 300_000 }],
      },
      fill: async (disk, call) => {
        await disk.write(0, bootSector(), call)
        await disk.write(70_000, seededBytes(9_000, 7), call)
      },
      probe: { kind: 'serial', pattern: 'login:', timeoutMs: 10_000 },
      silentProbe: { kind: 'serial', pattern: 'never', timeoutMs: 200 },
    },
  }
}

function brokenSession(session: SourceSession, source: MemorySource, breakage: SourceBreakage): SourceSession {
  return {
    ...session,
    prepare: async (machine, request, options) => {
      const prepared = await session.prepare(machine, request, options)
      return {
        ...prepared,
        take: async (call) => brokenCapture(await prepared.take(call), source, breakage),
        ...breakage.prepared?.(prepared, source),
      }
    },
    ...breakage.session?.(session, source),
  }
}

function brokenCapture(capture: Capture, source: MemorySource, breakage: SourceBreakage): Capture {
  return {
    ...capture,
    disks: capture.disks.map((disk) => ({ ...disk, ...breakage.disk?.(disk, source, capture.machine.id) })),
    ...breakage.capture?.(capture, source),
  }
}
