import type { CallOptions } from '../contract/context.js'
import { BackupError, isBackupError } from '../contract/errors.js'
import { checkFacets, sessionFacets } from '../contract/facets.js'
import type { PipelineTarget } from '../contract/pipeline.js'
import type { SecretReference } from '../contract/secret.js'
import type { TransformPlugin } from '../contract/transform.js'
import { preferredChunkHash } from '../repository/chunk-id.js'
import { chainLink, loadCodecChain } from '../repository/codec-chain.js'
import { type ObjectStore, objectStore } from '../repository/object-store.js'
import { openRepository, type Repository, type RepositoryAccess } from '../repository/repository.js'
import { type EngineHost, pluginContext } from './host.js'
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
  const session = checkFacets(
    target.plugin,
    await target.plugin.open(pluginContext(host, options.signal)),
    sessionFacets.target,
  )
  const policy = { attempts, firstPauseMs, clock: host.clock }
  const store = objectStore(
    session,
    target.plugin.capabilities,
    policy,
    throttleTo(options.writeBytesPerSecond, host.clock),
  )
  return { store, [Symbol.asyncDispose]: () => session[Symbol.asyncDispose]() }
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
}

/** Opens a target and the repository on it. */
export async function openTargetRepository(
  target: TargetAccess,
  host: EngineHost,
  options: OpenRepositoryOptions,
): Promise<OpenRepositoryTarget> {
  const [opened, access] = await Promise.all([
    openTarget(target, host, options),
    repositoryAccess(target, host, options),
  ])
  try {
    const { pool } = options
    const onDeriving = () => (pool === undefined ? undefined : loadCodecs(target.transforms ?? [], pool))
    const repository = await openRepository(opened.store, { ...access, onDeriving }, options)
    return { store: opened.store, repository, [Symbol.asyncDispose]: () => opened[Symbol.asyncDispose]() }
  } catch (error) {
    await opened[Symbol.asyncDispose]()
    throw naming(target.name, error)
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

function naming(target: string, error: unknown): unknown {
  if (!isBackupError(error) || error.context['target'] !== undefined) return error
  return new BackupError(error.code, `Target '${target}': ${error.message}`, {
    retry: error.retry,
    context: { ...error.context, target },
    cause: error,
    ...(error.plugin === undefined ? {} : { plugin: error.plugin }),
    ...(error.operation === undefined ? {} : { operation: error.operation }),
    ...(error.hint === undefined ? {} : { hint: error.hint }),
  })
}
