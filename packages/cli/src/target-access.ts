import type { LoadedConfig } from '@holdfast/config'
import { BackupError, type TransformPlugin } from '@holdfast/core'
import {
  chainOf,
  type OpenRepositories,
  type OpenRepositoryTarget,
  openTargetRepositories,
  openTargetRepository,
  type TargetAccess,
} from '@holdfast/core/engine'
import type { Invocation } from './invocation.js'
import { usageError } from './output.js'
import type { Session, WorkingSession } from './session.js'

/** The names of all targets, in the order of the file. */
export function targetNames({ targets }: LoadedConfig): readonly string[] {
  const names = [...targets.keys()]
  if (names.length > 0) return names
  throw usageError('The configuration has no target.', 'Add one under targets:.')
}

/** The given targets, or all. @throws BackupError `E_USAGE` */
export function chosenTargets(config: LoadedConfig, given: readonly string[]): readonly string[] {
  const known = targetNames(config)
  const unknown = given.find((name) => !known.includes(name))
  if (unknown === undefined) return given.length === 0 ? known : [...new Set(given)]
  throw usageError(`There is no target '${unknown}'.`, `Targets of the configuration: ${known.join(', ')}.`)
}

/** The given target, or the only one; an error where the choice matters. @throws BackupError `E_USAGE` */
export function oneTarget(config: LoadedConfig, given: string | undefined): string {
  const names = chosenTargets(config, given === undefined ? [] : [given])
  const [only] = names
  if (only !== undefined && names.length === 1) return only
  throw usageError('The configuration has several targets.', `Choose one with --target: ${names.join(', ')}.`)
}

/** A target with the transforms that may be needed to read it. */
export function targetAccess(config: LoadedConfig, name: string): TargetAccess {
  const plugin = config.targets.get(name)
  if (plugin === undefined) throw usageError(`There is no target '${name}'.`, 'Check the name in the configuration.')
  const chain = keyedFirst(chainsOf(config, name))[0]
  return { name, plugin, offered: config.transforms, ...(chain !== undefined && { transforms: chain }) }
}

/**
 * The transform that encrypts what pipelines store on a target, if any does.
 *
 * A target of no pipeline is there to be copied to: it is encrypted when anything in the configuration is.
 * @throws BackupError `E_PLAN` when pipelines disagree: a repository is encrypted from its first day or never
 */
export function keyedTransform(config: LoadedConfig, name: string): TransformPlugin | undefined {
  const chains = chainsOf(config, name)
  if (chains.length === 0) return config.transforms.find(isKeyed)
  const keyed = chains.flatMap((chain) => chain.find(isKeyed) ?? [])
  if (keyed.length > 0 && keyed.length < chains.length) {
    throw new BackupError('E_PLAN', `Some pipelines of target '${name}' encrypt and others do not.`, {
      context: { target: name },
      hint: 'A repository is encrypted from its first day or never: give each kind a target of its own.',
    })
  }
  return keyed[0]
}

/** The chain for what is stored anew on a target: that of its pipelines, else of any pipeline that fits its repository. */
export function writingChain(config: LoadedConfig, name: string, encrypted: boolean): readonly TransformPlugin[] {
  const all = config.pipelines.flatMap((pipeline) => pipeline.targets.map((target) => chainOf(pipeline, target)))
  const candidates = [...chainsOf(config, name), ...all]
  const fitting = candidates.find((chain) => chain.some(isKeyed) === encrypted)
  if (fitting !== undefined) return fitting
  if (!encrypted) return (candidates[0] ?? []).filter((transform) => !isKeyed(transform))
  throw new BackupError('E_KEY_MISSING', `The repository on target '${name}' is encrypted, and no pipeline encrypts.`, {
    context: { target: name },
    hint: 'Name a keyed transform with its passphrase reference in a pipeline of this target.',
  })
}

/**
 * Opens the one repository of a target.
 *
 * @throws BackupError `E_UNSUPPORTED` for a target that has one in each of its media sets
 */
export async function openChosen(
  { config, host, pool }: Session & Partial<WorkingSession>,
  name: string,
  { signal }: Invocation,
): Promise<OpenRepositoryTarget> {
  if (!hasSets(config, name)) return openTargetRepository(targetAccess(config, name), host, { signal, pool })
  throw new BackupError('E_UNSUPPORTED', `Target '${name}' has a repository in each of its media sets.`, {
    context: { target: name },
    hint: 'This works on a single repository: choose another target. What is on media stays as it was written.',
  })
}

/** Opens all that a target holds, for reading. */
export function openToRead(
  { config, host, pool }: Session & Partial<WorkingSession>,
  name: string,
  { signal }: Invocation,
): Promise<OpenRepositories> {
  return openTargetRepositories(targetAccess(config, name), host, { signal, pool })
}

/** Opens what is written to now: the repository of a target, or a media set of it, which is made when there is none. */
export function openToWrite(
  { config, host, pool }: Session & Partial<WorkingSession>,
  name: string,
  { signal }: Invocation,
  keepUntil: Date | undefined,
): Promise<OpenRepositoryTarget> {
  const access = targetAccess(config, name)
  if (!hasSets(config, name)) return openTargetRepository(access, host, { signal, pool })
  const transforms = writingChain(config, name, keyedTransform(config, name) !== undefined)
  return openTargetRepository({ ...access, transforms }, host, { signal, pool, keepUntil })
}

/** Tells whether a target keeps media sets. */
export function hasSets({ targets }: LoadedConfig, name: string): boolean {
  return targets.get(name)?.capabilities.sets === true
}

function chainsOf({ pipelines }: LoadedConfig, name: string): readonly (readonly TransformPlugin[])[] {
  return pipelines.flatMap((pipeline) =>
    pipeline.targets.flatMap((target) => (target.name === name ? [chainOf(pipeline, target)] : [])),
  )
}

function keyedFirst(chains: readonly (readonly TransformPlugin[])[]): readonly (readonly TransformPlugin[])[] {
  return [...chains].sort((a, b) => Number(b.some(isKeyed)) - Number(a.some(isKeyed)))
}

function isKeyed(transform: TransformPlugin): boolean {
  return transform.capabilities.keyed
}
