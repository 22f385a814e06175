import type { DiskId, ProvisionedMachine, SerialProbe, SourcePlugin, TransformPlugin } from '@holdfast/core'
import { wrapSource } from '@holdfast/core'
import {
  type EngineEvent,
  openBootingSource,
  type ShownContents,
  type VerifyBootOptions,
  type VerifyBootReport,
  verifyBoot,
  workerPool,
} from '@holdfast/core/engine'
import { seededBytes } from '@holdfast/testkit/images'
import {
  bootSector,
  type MemorySource,
  type MemorySourceOptions,
  type MemoryTarget,
  memorySource,
  memoryTarget,
} from '@holdfast/testkit/memory'
import { type Lab, type LabTarget, lab } from './lab.js'

export const login: SerialProbe = { kind: 'serial', pattern: 'login:', timeoutMs: 20_000 }
export const witness = { user: 'root', host: 'backup-1', version: '1.2.3' }

/** A point of a machine, and the source that boots it. */
export interface BootLab extends Lab {
  readonly target: {
    readonly name: string
    readonly plugin: MemoryTarget
    readonly transforms: readonly TransformPlugin[]
  }
  readonly source: MemorySource
  readonly events: EngineEvent[]
  /** Boots the newest point on a source. */
  readonly boot: (more?: Partial<VerifyBootOptions>, on?: SourcePlugin, from?: LabTarget) => Promise<VerifyBootReport>
}

/** Backs up a machine that boots, or not. */
export async function bootLab(
  options: Partial<MemorySourceOptions> = {},
  {
    boots = true,
    transforms = [],
  }: { readonly boots?: boolean; readonly transforms?: readonly TransformPlugin[] } = {},
): Promise<BootLab> {
  const disk = seededBytes(700_000, 1)
  disk.set(boots ? bootSector() : new Uint8Array(512))
  const source = memorySource({
    boot: true,
    ...options,
    machines: [{ name: 'web', disks: { root: disk, data: seededBytes(40_000, 2) } }],
  })
  const target = { name: 'vault', plugin: memoryTarget(), transforms }
  const tools = lab({ workers: 1 })
  await tools.init(target)
  await tools.run(source, [target])
  const events: EngineEvent[] = []
  return {
    ...tools,
    target,
    source,
    events,
    boot: async (more = {}, on = source, from = target) => {
      const { signal } = new AbortController()
      const [entry] = (await tools.points(from)).slice(-1)
      if (entry === undefined) throw new Error('no point was stored')
      await using opened = await tools.open(from)
      await using booting = await openBootingSource(on, tools.host, { signal })
      await using pool = workerPool(1)
      return await verifyBoot(opened.repository, entry, booting, pool, {
        signal,
        probe: login,
        by: witness,
        onEvent: (event) => events.push(event),
        ...more,
      })
    },
  }
}

/** Contents that are shown already, and what reading them failed with. */
export function shown(uris: ReadonlyMap<DiskId, string>, failure?: unknown): ShownContents {
  return { uris, failure: () => failure, [Symbol.asyncDispose]: async () => {} }
}

/** A source whose machines boot in another way. */
export function bootingOtherwise(
  source: SourcePlugin,
  boot: (inner: NonNullable<ProvisionedMachine['boot']>) => ProvisionedMachine['boot'],
  machine: (placed: ProvisionedMachine) => Partial<ProvisionedMachine> = () => ({}),
): SourcePlugin {
  return wrapSource(source, (session) => ({
    ...session,
    restore: {
      provision: async (...call) => {
        const placed = await session.restore?.provision(...call)
        if (placed?.boot === undefined) throw new Error('the source does not boot')
        const { boot: own, ...rest } = { ...placed, boot: placed.boot }
        const changed = boot(own)
        return { ...rest, ...(changed !== undefined && { boot: changed }), ...machine(placed) }
      },
    },
  }))
}
