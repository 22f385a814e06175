import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import type { Capture, ChangeToken, DiskId, Extent, MachineRef, PluginContext, SourceSession } from '@holdfast/core'
import {
  queryBlockDevices,
  queryBlockExports,
  queryBlockNodes,
  queryJobs,
  queryObjectNames,
} from '@holdfast/protocol-qmp'
import { type QemuSourceOptions, qemuSource } from '@holdfast/source-qemu'
import { testContext, toArray } from '@holdfast/testkit'
import type { LiveMachine } from './live-machine.js'

export const call = { signal: new AbortController().signal } as const

/** Tokens by disk. */
export type Tokens = ReadonlyMap<DiskId, ChangeToken>

/** Options of a source for the machines below a folder. */
function optionsFor(folder: string): QemuSourceOptions {
  const scratch = join(folder, 'scratch')
  mkdirSync(scratch, { recursive: true })
  return { monitor: join(folder, '{name}/qmp.sock'), scratch, timeoutMs: 5000 }
}

/** Opens a source of the machines below a folder. */
export async function openSource(
  folder: string,
  more: Partial<QemuSourceOptions> = {},
  context: Partial<PluginContext> = {},
): Promise<SourceSession> {
  return await qemuSource({ ...optionsFor(folder), ...more }).open({ ...testContext({ tempDir: folder }), ...context })
}

/** A machine by its name. */
export function ref(name: string): MachineRef {
  return { id: name, name } as MachineRef
}

/** Captures a machine, looks at the capture, and releases it. */
export async function captured<T>(
  session: SourceSession,
  name: string,
  look: (capture: Capture) => Promise<T>,
  previous: Tokens = new Map(),
): Promise<T> {
  await using prepared = await session.prepare(ref(name), { previous }, call)
  await using capture = await prepared.take(call)
  return await look(capture)
}

/** A capture that was stored, and what it was. */
export interface StoredCapture {
  readonly tokens: Tokens
  /** Mode and reason of each disk. */
  readonly tracking: Readonly<Record<string, string>>
  readonly extents: Readonly<Record<string, readonly Extent[]>>
}

/** Captures a machine, lists what is to be read, and acknowledges. */
export async function backedUp(
  session: SourceSession,
  name: string,
  previous: Tokens = new Map(),
): Promise<StoredCapture> {
  return await captured(
    session,
    name,
    async (capture) => {
      const tokens = new Map<DiskId, ChangeToken>()
      const tracking: Record<string, string> = {}
      const extents: Record<string, readonly Extent[]> = {}
      for (const disk of capture.disks) {
        const { mode, reason } = disk.tracking
        tracking[disk.id] = `${mode}: ${reason}`
        if (disk.changeToken !== undefined) tokens.set(disk.id, disk.changeToken)
        extents[disk.id] = await toArray(disk.extents(mode === 'full' ? undefined : previous.get(disk.id), call))
      }
      await capture.acknowledge(call)
      return { tokens, tracking, extents }
    },
    previous,
  )
}

/** What is in QEMU and may be of a backup; bitmaps without those names that tell the moment. */
export async function traces({ monitor }: LiveMachine): Promise<readonly string[]> {
  const nodes = await queryBlockNodes(monitor)
  const devices = await queryBlockDevices(monitor)
  return [
    ...nodes.map(({ nodeName }) => nodeName).filter((name) => !name.startsWith('f-') && !name.startsWith('disk-')),
    ...devices.flatMap(({ node }) => (node === undefined || node.nodeName.startsWith('disk-') ? [] : [node.nodeName])),
    ...(await queryBlockExports(monitor)).map(({ id }) => id),
    ...(await queryJobs(monitor)).map(({ id }) => id),
    ...(await queryObjectNames(monitor)).filter((name) => name.startsWith('hf-')),
  ]
}

/** Names of all bitmaps of a disk. */
export async function bitmapsOf({ monitor }: LiveMachine, disk: string): Promise<readonly string[]> {
  const nodes = await queryBlockNodes(monitor)
  return nodes.find(({ nodeName }) => nodeName === `disk-${disk}`)?.bitmaps.map(({ name }) => name) ?? []
}
