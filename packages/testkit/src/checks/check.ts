import type {
  PluginContext,
  PluginKind,
  QuiesceCapabilities,
  SourceCapabilities,
  TargetCapabilities,
  TransformCapabilities,
} from '@holdfast/core'
import type { EnvironmentByKind } from './environment.js'

/** The capabilities of each kind of plugin. */
export interface CapabilitiesByKind {
  readonly source: SourceCapabilities
  readonly quiesce: QuiesceCapabilities
  readonly transform: TransformCapabilities
  readonly target: TargetCapabilities
}

/** What every check gets beside the environment. */
export interface CheckTools {
  readonly context: PluginContext
  /** Aborted when the check takes too long. */
  readonly signal: AbortSignal
  /** Unique to this run of this check; legal in object keys and machine names. */
  readonly uniqueName: string
}

/** All that a check works with. */
export type CheckEnvironment<Kind extends PluginKind> = EnvironmentByKind[Kind] & CheckTools

/** One statement of the contract, and how to find out whether a plugin keeps it. */
export interface Check<Kind extends PluginKind = PluginKind> {
  /** Stable name: `target/list/exactly-once`. */
  readonly id: string
  readonly kind: Kind
  /** What a plugin that passes does, as a sentence. */
  readonly title: string
  /** Plugins whose capabilities say otherwise are not held to it. */
  readonly needs?: (capabilities: CapabilitiesByKind[Kind]) => boolean
  /** Parts of the environment without which nothing can be found out. */
  readonly offers?: readonly (keyof EnvironmentByKind[Kind] & string)[]
  /** Rejects when the plugin does not keep the statement. */
  readonly run: (env: CheckEnvironment<Kind>) => Promise<void>
  /** Removes what a passed check leaves on purpose. */
  readonly cleanUp?: (env: CheckEnvironment<Kind>) => Promise<void>
}

/** Says why a check does not apply, or `undefined` when it does. */
export function whyNotApplicable<Kind extends PluginKind>(
  check: Check<Kind>,
  environment: EnvironmentByKind[Kind],
  capabilities: CapabilitiesByKind[Kind],
): string | undefined {
  if (check.needs !== undefined && !check.needs(capabilities)) return 'the declared capabilities exclude it'
  const missing = check.offers?.filter((name) => environment[name] === undefined) ?? []
  return missing.length === 0 ? undefined : `the environment does not offer ${missing.join(', ')}`
}
