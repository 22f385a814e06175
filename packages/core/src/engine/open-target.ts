import type { CallOptions } from '../contract/context.js'
import { BackupError, isBackupError } from '../contract/errors.js'
import { checkFacets, sessionFacets } from '../contract/facets.js'
import type { PipelineTarget } from '../contract/pipeline.js'
import type { SecretReference } from '../contract/secret.js'
import type { TargetCapabilities, TargetSession } from '../contract/target.js'
import type { TransformPlugin } from '../contract/transform.js'
import { preferredChunkHash } from '../repository/chunk-id.js'
import { chainLink, loadCodecChain } from '../repository/codec-chain.js'
import { type ObjectStore, objectStore } from '../repository/object-store.js'
import { initRepository, openRepository, type Repository, type RepositoryAccess } from '../repository/repository.js'
import { type EngineHost, pluginContext } from './host.js'
import { restoreScriptBytes } from './restore-script.js'
import { throttleTo } from './throttle.js'
import type { WorkerPool } from './worker-pool.js'

/** A target by name, with the transforms that may be needed to read it and whose passphrases may open it. */
export interface TargetAccess extends PipelineTarget {
  /** All transforms at hand, for decoding whatever the target holds. */
  readonly offered: readonly TransformPlugin[]
}

/** A target with the session closed by disposal. */
export interface OpenTarget extends AsyncDisposable {
  readonly store: ObjectStore
}

const attempts = 5
const firstPauseMs = 200

/** Opens a target, with the engine's retries around it. */
export async function openTarget(
  target: Pick<PipelineTarget, 'name' | 'plugin'>,
  host: EngineHost,
  options: CallOptions & { readonly writeBytesPerSecond?: number | undefined },
): Promise<OpenTarget> {
  const session = await openSession(target, host, options)
  const store = storeOf(session, target.plugin.capabilities, host, options)
  return { store, [Symbol.asyncDispose]: () => session[Symbol.asyncDispose]() }
}

/** Opens a target. */
export async function openSession(
  { plugin }: Pick<PipelineTarget, 'plugin'>,
  host: EngineHost,
  options: CallOptions,
): Promise<TargetSession> {
  return checkFacets(plugin, await plugin.open(pluginContext(host, options.signal)), sessionFacets.target)
}

/** Puts the engine's retries around a session. */
export function storeOf(
  session: TargetSession,
  capabilities: TargetCapabilities,
  host: EngineHost,
  { writeBytesPerSecond }: { readonly writeBytesPerSecond?: number | undefined },
): ObjectStore {
  const policy = { attempts, firstPauseMs, clock: host.clock }
  return objectStore(session, capabilities, policy, throttleTo(writeBytesPerSecond, host.clock))
}

/** An open target with its repository. */
export interface OpenRepositoryTarget extends OpenTarget {
  readonly repository: Repository
}

/** How to open the repository of a target. */
export interface OpenRepositoryOptions extends CallOptions {
  readonly writeBytesPerSecond?: number | undefined
  /** Threads that will be used: they start while keys are derived. */
  readonly pool?: WorkerPool | undefined
  /** Keep the media set until then, at least; targets without sets take no notice. @defaultValue as the target's options say */
  readonly keepUntil?: Date | undefined
}

/**
 * Opens a target and the repository on it.
 *
 * On a target with `sets` that is the set which is written to now; a set without a repository gets one, encrypted exactly when
 * the target's chain is keyed. To read what is there see {@link openTargetRepositories}.
 */
export async function openTargetRepository(
  target: TargetAccess,
  host: EngineHost,
  options: OpenRepositoryOptions,
): Promise<OpenRepositoryTarget> {
  const [opened, access] = await Promise.all([
    openForWriting(target, host, options),
    repositoryAccess(target, host, options),
  ])
  try {
    const { store } = opened
    const { pool } = options
    const onDeriving = () => (pool === undefined ? undefined : loadCodecs(target.transforms ?? [], pool))
    const opening = openRepository(store, { ...access, onDeriving }, options)
    const { sets } = target.plugin.capabilities
    const repository = await (sets ? opening.catch(orMakeIt(target, store, access, host, options)) : opening)
    return { store, repository, [Symbol.asyncDispose]: () => opened[Symbol.asyncDispose]() }
  } catch (error) {
    await opened[Symbol.asyncDispose]()
    throw naming(target.name, error)
  }
}

/** Until when a set that is written for a pipeline now must be kept. */
export function keptUntil({ keepMs }: Pick<PipelineTarget, 'keepMs'>, { clock }: EngineHost): Date | undefined {
  return keepMs === undefined ? undefined : new Date(clock.now().getTime() + keepMs)
}

async function openForWriting(
  target: TargetAccess,
  host: EngineHost,
  options: OpenRepositoryOptions,
): Promise<OpenTarget> {
  const base = await openTarget(target, host, options)
  const { sets } = base.store.session
  if (sets === undefined) return base
  try {
    const { signal, keepUntil } = options
    const set = await sets.write({ signal, ...(keepUntil && { keepUntil }) })
    const store = storeOf(set, target.plugin.capabilities, host, options)
    const dispose = async () => {
      try {
        await set[Symbol.asyncDispose]()
      } finally {
        await base[Symbol.asyncDispose]()
      }
    }
    return { store, [Symbol.asyncDispose]: dispose }
  } catch (error) {
    await base[Symbol.asyncDispose]()
    throw naming(target.name, error)
  }
}

/** Makes the repository of a set that has none yet. */
function orMakeIt(
  target: TargetAccess,
  store: ObjectStore,
  access: RepositoryAccess,
  host: EngineHost,
  options: CallOptions,
): (error: unknown) => Promise<Repository> {
  return async (error) => {
    if (!isBackupError(error) || error.code !== 'E_REPOSITORY_NOT_FOUND') throw error
    const keyed = (target.transforms ?? []).filter((transform) => transform.capabilities.keyed)
    const own = await repositoryAccess({ ...target, transforms: keyed, offered: [] }, host, options)
    return initRepository(store, { ...access, passphrases: own.passphrases }, await restoreScriptBytes(), options)
  }
}

/** Loads codecs while keys are derived: in the workers, and in this thread, where trees are decoded. */
function loadCodecs(transforms: readonly TransformPlugin[], pool: WorkerPool): void {
  pool.prepare(transforms)
  preferredChunkHash()
  // What fails is told by the first who needs it.
  loadCodecChain(transforms.map(chainLink)).then(
    (chain) => chain[Symbol.dispose](),
    () => undefined,
  )
}

/** Gathers passphrases and transforms: the target's own chain first, then all others at hand. */
export async function repositoryAccess(
  target: TargetAccess,
  host: EngineHost,
  options: CallOptions,
): Promise<RepositoryAccess> {
  const transforms = [...(target.transforms ?? []), ...target.offered]
  const references = new Map<string, SecretReference>()
  for (const { passphrase } of transforms) {
    if (passphrase !== undefined) references.set(JSON.stringify(passphrase), passphrase)
  }
  const passphrases: string[] = []
  let failure: unknown
  for (const reference of references.values()) {
    try {
      passphrases.push((await host.resolveSecret(reference, options)).reveal())
    } catch (error) {
      // Another pipeline's secret may be out of reach here; it only matters when no other opens the repository.
      options.signal.throwIfAborted()
      failure ??= error
    }
  }
  if (passphrases.length === 0 && failure !== undefined) throw failure
  const { clock, randomBytes, deriveKey } = host
  return { passphrases, transforms, clock, randomBytes, deriveKey }
}

/** Says in an error which target, and which media set of it, it is about. */
export function naming(target: string, error: unknown, set?: string): unknown {
  if (!isBackupError(error) || error.context['target'] !== undefined) return error
  const where = set === undefined ? `Target '${target}'` : `Target '${target}', set '${set}'`
  return new BackupError(error.code, `${where}: ${error.message}`, {
    retry: error.retry,
    context: { ...error.context, target, ...(set !== undefined && { set }) },
    cause: error,
    ...(error.plugin === undefined ? {} : { plugin: error.plugin }),
    ...(error.operation === undefined ? {} : { operation: error.operation }),
    ...(error.hint === undefined ? {} : { hint: error.hint }),
  })
}
