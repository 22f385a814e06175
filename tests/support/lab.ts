import {
  type Clock,
  type Pipeline,
  type SourcePlugin,
  secretValue,
  type TargetPlugin,
  type TransformPlugin,
} from '@holdfast/core'
import {
  type EngineHost,
  engineHost,
  type OnEvent,
  type OpenRepositoryTarget,
  openTarget,
  openTargetRepository,
  type Provision,
  type PruneOptions,
  type PruneReport,
  pruneRepository,
  type RunReport,
  repositoryAccess,
  restorePoint,
  runPipeline,
  systemClock,
  type VerifyReport,
  verifyRepository,
  workerPool,
} from '@holdfast/core/engine'
import { initRepository, type PointEntry, type RecoveryPoint } from '@holdfast/core/repository'

/** Real time in which nobody has to wait: retries come at once. */
const hastyClock: Clock = {
  now: () => new Date(),
  sleep: async (_, options) => systemClock.sleep(0, options),
}

/** A host of tests: one secret, few workers, no waiting. */
function labHost(parts: Partial<EngineHost> = {}): EngineHost {
  return engineHost({ clock: hastyClock, workers: 2, resolveSecret: async () => secretValue('first'), ...parts })
}

/** A target with the chain that is used on it. */
export interface LabTarget {
  readonly name: string
  readonly plugin: TargetPlugin
  readonly transforms?: readonly TransformPlugin[]
}

/** What most tests of the engine need: one host, and short ways to its calls. */
export interface Lab {
  readonly host: EngineHost
  readonly init: (...targets: readonly LabTarget[]) => Promise<void>
  readonly run: (source: SourcePlugin, targets: readonly LabTarget[], more?: LabRun) => Promise<RunReport>
  readonly open: (target: LabTarget) => Promise<OpenRepositoryTarget>
  readonly points: (target: LabTarget) => Promise<readonly PointEntry[]>
  /** The disks of a point as a restore writes them. */
  readonly restore: (target: LabTarget, point: RecoveryPoint) => Promise<ReadonlyMap<string, Uint8Array>>
  readonly verify: (target: LabTarget) => Promise<VerifyReport>
  readonly prune: (target: LabTarget, options?: Partial<PruneOptions>) => Promise<PruneReport>
}

/** What a run may differ in. */
export interface LabRun extends Partial<Pipeline> {
  readonly signal?: AbortSignal
  readonly onEvent?: OnEvent
}

/** Makes a lab. */
export function lab(parts: Partial<EngineHost> = {}): Lab {
  const host = labHost(parts)
  const call = () => ({ signal: new AbortController().signal })
  const accessOf = (target: LabTarget) => ({ transforms: [], ...target, offered: [] })
  const open = (target: LabTarget) => openTargetRepository(accessOf(target), host, call())
  return {
    host,
    open,
    init: async (...targets) => {
      for (const target of targets) {
        await using opened = await openTarget(accessOf(target), host, call())
        await initRepository(opened.store, await repositoryAccess(accessOf(target), host, call()), undefined, call())
      }
    },
    run: (source, targets, { signal, onEvent, ...more } = {}) =>
      runPipeline({ name: 'lab', source, targets, ...more }, host, {
        ...(signal === undefined ? call() : { signal }),
        ...(onEvent === undefined ? {} : { onEvent }),
      }),
    points: async (target) => {
      await using opened = await open(target)
      return (await opened.repository.points.list(call())).entries
    },
    restore: async (target, point) => {
      await using opened = await open(target)
      await using pool = workerPool(1)
      const { disks, provision } = memoryPlacement()
      await restorePoint(opened.repository, point, provision, pool, call())
      return disks
    },
    verify: async (target) => {
      await using opened = await open(target)
      await using pool = workerPool(1)
      return await verifyRepository(opened.repository, pool, { ...call(), readData: true })
    },
    prune: async (target, options = {}) => {
      await using opened = await open(target)
      return await pruneRepository(opened.repository, {
        ...call(),
        dryRun: false,
        retentionOf: () => ({ last: 1 }),
        transforms: target.transforms ?? [],
        workers: 1,
        ...options,
      })
    },
  }
}

/** Takes a machine's disks into memory. */
export function memoryPlacement(): { readonly disks: ReadonlyMap<string, Uint8Array>; readonly provision: Provision } {
  const disks = new Map<string, Uint8Array>()
  return {
    disks,
    provision: async (_, wanted) => ({
      location: 'memory',
      disks: wanted.map(({ id, sizeBytes }) => {
        const bytes = new Uint8Array(sizeBytes)
        disks.set(id, bytes)
        return { id, sizeBytes, write: async (offset, data) => bytes.set(data, offset) }
      }),
      commit: async () => undefined,
      [Symbol.asyncDispose]: async () => undefined,
    }),
  }
}

/** Tells whether two byte strings are equal, without printing them when they are not. */
export function equalBytes(a: Uint8Array | undefined, b: Uint8Array | undefined): boolean {
  return a !== undefined && b !== undefined && Buffer.compare(a, b) === 0
}
