import {
  type Capture,
  type CapturedDisk,
  type ChangeToken,
  checkFacets,
  type DiskId,
  type Extent,
  type MachineId,
  type MachineRef,
  type SourcePlugin,
  type SourceSession,
  sessionFacets,
} from '@holdfast/core'
import type { Check, CheckEnvironment } from '../check.js'
import { expectThat, fail } from '../expect.js'
import { toArray } from '../streams.js'

/** What a check of a source works with. */
export type SourceCheckEnvironment = CheckEnvironment<'source'>

/** A check of a source. */
export type SourceCheck = Check<'source'>

/** Opens a session; disposing it is up to the check. */
export async function openSource(
  env: SourceCheckEnvironment,
  plugin: SourcePlugin = env.create(),
): Promise<SourceSession> {
  return checkFacets(plugin, await plugin.open(env.context), sessionFacets.source)
}

/** The machines to work with: those that the source discovers. */
export async function discovered(env: SourceCheckEnvironment, session: SourceSession): Promise<readonly MachineRef[]> {
  const machines = await toArray(session.discover({}, { signal: env.signal }))
  expectThat(machines.length > 0, 'The source discovers no machine; the checks need at least one.')
  return machines
}

/** Captures a machine, hands the capture to `look` and releases it whatever happens. */
export async function withCapture<T>(
  env: SourceCheckEnvironment,
  session: SourceSession,
  machine: MachineRef,
  look: (capture: Capture) => Promise<T>,
  previous: ReadonlyMap<DiskId, ChangeToken> = new Map(),
): Promise<T> {
  await using prepared = await session.prepare(machine, { previous }, { signal: env.signal })
  await using capture = await prepared.take({ signal: env.signal })
  return await look(capture)
}

/** Captures every machine in turn and looks at each of its disks. */
export async function forEachDisk(
  env: SourceCheckEnvironment,
  look: (disk: CapturedDisk, machine: MachineRef) => Promise<void>,
): Promise<void> {
  await using session = await openSource(env)
  let disks = 0
  for (const machine of await discovered(env, session)) {
    await withCapture(env, session, machine, async (capture) => {
      for (const disk of capture.disks) {
        disks++
        await look(disk, machine)
      }
    })
  }
  expectThat(disks > 0, 'No disk could be captured; the checks need at least one.')
}

/** The bytes that a disk must have now, as the environment knows them. */
export async function referenceOf(env: SourceCheckEnvironment, machine: MachineId, disk: DiskId): Promise<Uint8Array> {
  const bytes = await env.reference?.(machine, disk)
  return bytes ?? fail('The environment offers no reference.')
}

/** Reads a range into a buffer that held other bytes before. */
export async function readRange(
  env: SourceCheckEnvironment,
  disk: CapturedDisk,
  offset: number,
  length: number,
  into: Uint8Array = new Uint8Array(length),
): Promise<Uint8Array> {
  into.fill(0xb7)
  await disk.readInto(offset, into, { signal: env.signal })
  return into
}

/** Collects extents; fails unless each lies on the disk, after the one before. */
export async function orderedExtents(
  env: SourceCheckEnvironment,
  disk: CapturedDisk,
  since?: ChangeToken,
): Promise<readonly Extent[]> {
  const extents = await toArray(disk.extents(since, { signal: env.signal }))
  let end = 0
  for (const { offset, length, kind } of extents) {
    const what = `Extent ${kind} of ${length} bytes at ${offset}`
    expectThat(Number.isSafeInteger(offset) && Number.isSafeInteger(length) && length > 0, `${what}: no such range.`)
    expectThat(['data', 'zero', 'unallocated'].includes(kind), `${what}: no such kind.`)
    expectThat(offset >= end, `${what}: it starts before byte ${end}, where the one before it ends.`)
    end = offset + length
    expectThat(end <= disk.sizeBytes, `${what}: it leaves the disk of ${disk.sizeBytes} bytes.`)
  }
  return extents
}
