import type { CallOptions } from '../contract/context.js'
import { isBackupError } from '../contract/errors.js'
import { checkFacets, sessionFacets } from '../contract/facets.js'
import type { CopyPeriod, Pipeline, PipelineTarget } from '../contract/pipeline.js'
import type { TransformPlugin } from '../contract/transform.js'
import type { MachineRef } from '../model/machine.js'
import { readDescription } from '../repository/description.js'
import type { ObjectStore } from '../repository/object-store.js'
import { reportedError } from './backup-machine.js'
import { type EngineHost, pluginContext } from './host.js'
import { openTarget } from './open-target.js'
import { maxChainOverheadBytes } from './slabs.js'

/** What a run would do; machine-readable. `problems` is empty exactly when `run` would start. */
export interface Plan {
  readonly pipeline: string
  readonly source: string
  readonly machines: readonly MachineRef[]
  readonly quiesce: readonly { readonly hook: string; readonly channel: string; readonly maxFreezeMs: number }[]
  readonly targets: readonly TargetPlan[]
  readonly problems: readonly PlanProblem[]
}

/** What a run would do with one target. */
export interface TargetPlan {
  readonly name: string
  readonly plugin: string
  /** It gets copies once in each such period, and not what a run stores. */
  readonly every?: CopyPeriod
  readonly transforms: readonly string[]
  readonly encrypted: boolean
  /** `missing`: `holdfast init` is needed first. Media sets make theirs themselves. */
  readonly repository: 'ready' | 'missing' | 'unreachable'
}

/** Why a pipeline cannot run: the two parts that do not fit, and what to do. */
export interface PlanProblem {
  /** What `run` would report; `E_PLAN` where the parts do not fit. */
  readonly code: string
  readonly parts: readonly string[]
  readonly message: string
  readonly hint: string
}

/** Checks what can be known without any I/O: whether the parts fit together. */
export function checkPipeline(pipeline: Pipeline): readonly PlanProblem[] {
  const problems: PlanProblem[] = []
  const channels = pipeline.source.capabilities.quiesceChannels
  for (const hook of pipeline.quiesce ?? []) {
    if (channels.includes(hook.capabilities.channel)) continue
    problems.push({
      code: 'E_PLAN',
      parts: [`quiesce '${hook.id}'`, `source '${pipeline.source.id}'`],
      message: `Hook '${hook.id}' needs the channel '${hook.capabilities.channel}', source '${pipeline.source.id}' offers only: ${channels.join(', ') || 'none'}.`,
      hint: 'Use a hook for one of these channels, or another source.',
    })
  }
  if (pipeline.targets.length === 0) {
    problems.push({
      code: 'E_PLAN',
      parts: [`pipeline '${pipeline.name}'`],
      message: `Pipeline '${pipeline.name}' has no target.`,
      hint: 'Name at least one target.',
    })
  }
  if (pipeline.targets.length > 0 && fedTargets(pipeline).length === 0) {
    problems.push({
      code: 'E_PLAN',
      parts: [`pipeline '${pipeline.name}'`],
      message: `Pipeline '${pipeline.name}' has only targets that get copies, and none to copy from.`,
      hint: "Name one without 'every' too: runs store there what is then copied.",
    })
  }
  for (const target of pipeline.targets) problems.push(...checkChain(pipeline, target), ...checkKeeping(target))
  return problems
}

/** The targets that a run feeds; the others get copies. */
export function fedTargets({ targets }: Pipeline): readonly PipelineTarget[] {
  return targets.filter(({ every }) => every === undefined)
}

function checkKeeping({ name, plugin, keepMs }: PipelineTarget): readonly PlanProblem[] {
  if (keepMs === undefined || plugin.capabilities.sets) return []
  return [
    {
      code: 'E_PLAN',
      parts: [`target '${name}'`],
      message: `Target '${name}' has no media sets that could be kept for a time.`,
      hint: "Leave 'keep' out: the retention of the pipeline decides which points stay there.",
    },
  ]
}

function checkChain(pipeline: Pipeline, target: PipelineTarget): readonly PlanProblem[] {
  const chain = chainOf(pipeline, target)
  const problems: PlanProblem[] = []
  const keyed = chain.filter((transform) => transform.capabilities.keyed)
  const encryptedAt = chain.findIndex((transform) => transform.capabilities.keyed)
  const shrinkAfter = chain.find(
    (transform, i) => encryptedAt >= 0 && i > encryptedAt && transform.capabilities.shrinks,
  )
  const [first, second] = keyed
  if (shrinkAfter !== undefined && first !== undefined) {
    problems.push({
      code: 'E_PLAN',
      parts: [`transform '${first.id}'`, `transform '${shrinkAfter.id}'`],
      message: `Transform '${shrinkAfter.id}' comes after '${first.id}' on target '${target.name}': encrypted data does not shrink.`,
      hint: `Put '${shrinkAfter.id}' before '${first.id}'.`,
    })
  }
  if (first !== undefined && second !== undefined) {
    problems.push({
      code: 'E_PLAN',
      parts: [`transform '${first.id}'`, `transform '${second.id}'`],
      message: `Target '${target.name}' has two keyed transforms, '${first.id}' and '${second.id}'.`,
      hint: 'Keep one: a repository has one set of keys.',
    })
  }
  const overhead = chain.reduce((sum, transform) => sum + transform.capabilities.overheadBytes, 0)
  if (overhead > maxChainOverheadBytes) {
    problems.push({
      code: 'E_PLAN',
      parts: chain.map((transform) => `transform '${transform.id}'`),
      message: `The transforms of target '${target.name}' may add ${overhead} bytes to a frame; ${maxChainOverheadBytes} fit.`,
      hint: 'Use fewer transforms, or ones that add less.',
    })
  }
  if (chain.length > 16) {
    problems.push({
      code: 'E_PLAN',
      parts: [`target '${target.name}'`],
      message: `Target '${target.name}' has ${chain.length} transforms; at most 16 fit.`,
      hint: 'Use fewer.',
    })
  }
  return problems
}

/** The chain that a target of a pipeline gets. */
export function chainOf(pipeline: Pipeline, target: PipelineTarget): readonly TransformPlugin[] {
  return target.transforms ?? pipeline.transforms ?? []
}

/** Plans a run: checks the parts, then looks at source and targets without changing anything. */
export async function planPipeline(pipeline: Pipeline, host: EngineHost, options: CallOptions): Promise<Plan> {
  const problems = [...checkPipeline(pipeline)]
  const machines: MachineRef[] = []
  try {
    await using source = checkFacets(
      pipeline.source,
      await pipeline.source.open(pluginContext(host, options.signal)),
      sessionFacets.source,
    )
    for await (const machine of source.discover(pipeline.select ?? {}, options)) machines.push(machine)
    if (machines.length === 0) {
      problems.push({
        code: 'E_MACHINE_NOT_FOUND',
        parts: [`source '${pipeline.source.id}'`],
        message: `Pipeline '${pipeline.name}' selects no machine of its source.`,
        hint: "Check 'select' and what the source holds.",
      })
    }
  } catch (error) {
    options.signal.throwIfAborted()
    problems.push(asProblem(`source '${pipeline.source.id}'`, error))
  }
  const targets: TargetPlan[] = []
  for (const target of pipeline.targets) targets.push(await planTarget(pipeline, target, host, problems, options))
  return {
    pipeline: pipeline.name,
    source: pipeline.source.id,
    machines: machines.sort((a, b) => (a.name < b.name ? -1 : 1)),
    quiesce: (pipeline.quiesce ?? []).map((hook) => ({
      hook: hook.id,
      channel: hook.capabilities.channel,
      maxFreezeMs: hook.capabilities.maxFreezeMs,
    })),
    targets,
    problems,
  }
}

async function planTarget(
  pipeline: Pipeline,
  target: PipelineTarget,
  host: EngineHost,
  problems: PlanProblem[],
  options: CallOptions,
): Promise<TargetPlan> {
  const chain = chainOf(pipeline, target)
  const keyed = chain.find((transform) => transform.capabilities.keyed)
  const { name, plugin, every } = target
  const transforms = chain.map((transform) => transform.id)
  const base = { name, plugin: plugin.id, ...(every !== undefined && { every }), transforms }
  try {
    await using opened = await openTarget(target, host, options)
    const encrypted = await isEncrypted(opened.store, options)
    if (encrypted !== undefined) problems.push(...encryptionProblems(target.name, encrypted, keyed))
    if (keyed?.passphrase !== undefined) await host.resolveSecret(keyed.passphrase, options)
    return { ...base, encrypted: encrypted ?? keyed !== undefined, repository: 'ready' }
  } catch (error) {
    options.signal.throwIfAborted()
    problems.push(asProblem(`target '${target.name}'`, error))
    const missing = isBackupError(error) && error.code === 'E_REPOSITORY_NOT_FOUND'
    return { ...base, encrypted: keyed !== undefined, repository: missing ? 'missing' : 'unreachable' }
  }
}

/** Tells whether a repository is encrypted; undefined on a target with media sets where none is to be gone on with. */
async function isEncrypted(store: ObjectStore, options: CallOptions): Promise<boolean | undefined> {
  try {
    return (await readDescription(store, options)).encrypted
  } catch (error) {
    if (!store.capabilities.sets || !isBackupError(error) || error.code !== 'E_REPOSITORY_NOT_FOUND') throw error
    return undefined
  }
}

/** A repository is encrypted from its first day or never: a chain must agree with it. */
export function encryptionProblems(
  target: string,
  encrypted: boolean,
  keyed: TransformPlugin | undefined,
): readonly PlanProblem[] {
  if (encrypted === (keyed !== undefined)) return []
  return [
    encrypted
      ? {
          code: 'E_PLAN',
          parts: [`target '${target}'`],
          message: `The repository on target '${target}' is encrypted, but the pipeline has no keyed transform for it.`,
          hint: 'Add the keyed transform with its passphrase reference.',
        }
      : {
          code: 'E_PLAN',
          parts: [`target '${target}'`, `transform '${keyed?.id}'`],
          message: `The repository on target '${target}' was made without encryption; transform '${keyed?.id}' has no keys there.`,
          hint: "Make a new repository with 'holdfast init' on an empty target, and copy old points into it.",
        },
  ]
}

function asProblem(part: string, error: unknown): PlanProblem {
  const { code, message, hint } = reportedError(error)
  return {
    code,
    parts: [part],
    message: message.includes(part) ? message : `${part}: ${message}`,
    hint: hint ?? 'See the message.',
  }
}
