import { BackupError } from './errors.js'
import { apiVersion, type Plugin, type PluginKind } from './plugin.js'
import type { QuiesceCapabilities, QuiescePlugin } from './quiesce.js'
import type { SourceCapabilities, SourcePlugin } from './source.js'
import type { TargetCapabilities, TargetPlugin } from './target.js'
import type { TransformCapabilities, TransformPlugin } from './transform.js'

const sourceDefaults = {
  changedExtents: false,
  sparse: false,
  quiesceChannels: ['host'],
  consistency: 'crash',
  maxConcurrentReads: 4,
  restore: false,
  boot: false,
  overlays: false,
} as const satisfies SourceCapabilities

const quiesceDefaults = {
  channel: 'host',
  consistency: 'filesystem',
  maxFreezeMs: 60_000,
  inspect: false,
} as const satisfies QuiesceCapabilities

const transformDefaults = {
  shrinks: false,
  keyed: false,
  authenticates: false,
  overheadBytes: 0,
  exactOverhead: false,
} as const satisfies TransformCapabilities

const targetDefaults = {
  rangeRead: true,
  exclusiveCreate: false,
  sequential: false,
  media: false,
  sets: false,
  library: false,
  removes: true,
  sync: false,
  maxObjectBytes: undefined,
  maxConcurrency: 4,
  immutability: false,
  ordering: false,
  capacity: false,
} as const satisfies TargetCapabilities

/** A plugin without `kind` and `apiVersion`, with the capabilities that differ from the defaults. */
export type Definition<P extends Plugin, C> = Omit<P, 'kind' | 'apiVersion' | 'capabilities'> & {
  readonly capabilities: C
}

/** Makes a source plugin: fills defaults, freezes it, refuses what contradicts the contract. */
export function defineSource<const C extends Partial<SourceCapabilities>>(
  definition: Definition<SourcePlugin, C>,
): SourcePlugin<Merged<SourceCapabilities, C>> {
  const plugin = define('source', sourceDefaults, definition) as SourcePlugin<Merged<SourceCapabilities, C>>
  const { restore, boot, overlays }: SourceCapabilities = plugin.capabilities
  for (const [name, declared] of Object.entries({ boot, overlays })) {
    if (declared && !restore) throw invalid('source', plugin.id, `${name} needs restore, which it does not declare`)
  }
  return plugin
}

/** Makes a quiesce plugin: fills defaults, freezes it, refuses what contradicts the contract. */
export function defineQuiesce<const C extends Partial<QuiesceCapabilities>>(
  definition: Definition<QuiescePlugin, C>,
): QuiescePlugin<Merged<QuiesceCapabilities, C>> {
  return define('quiesce', quiesceDefaults, definition) as QuiescePlugin<Merged<QuiesceCapabilities, C>>
}

/** Makes a transform plugin: fills defaults, freezes it, refuses what contradicts the contract. */
export function defineTransform<const C extends Partial<TransformCapabilities>>(
  definition: Definition<TransformPlugin, C>,
): TransformPlugin<Merged<TransformCapabilities, C>> {
  const plugin = define('transform', transformDefaults, definition) as TransformPlugin<Merged<TransformCapabilities, C>>
  if (plugin.capabilities.keyed !== (plugin.passphrase !== undefined)) {
    throw invalid('transform', plugin.id, 'a keyed transform carries a passphrase reference, and only a keyed one does')
  }
  if (!URL.canParse(plugin.module)) {
    throw invalid('transform', plugin.id, `module must be a URL, not '${plugin.module}'`)
  }
  return plugin
}

/** Makes a target plugin: fills defaults, freezes it, refuses what contradicts the contract. */
export function defineTarget<const C extends Partial<TargetCapabilities>>(
  definition: Definition<TargetPlugin, C>,
): TargetPlugin<Merged<TargetCapabilities, C>> {
  return define('target', targetDefaults, definition) as TargetPlugin<Merged<TargetCapabilities, C>>
}

/** Capabilities as declared, the rest as the kind has them. */
export type Merged<All, Declared> = All & Omit<Declared, never>

/** Refuses an object that is no plugin of this contract; for hosts that take plugins from configs. */
export function checkPlugin(value: unknown, kind?: PluginKind): Plugin {
  const plugin = value as Partial<Plugin> | null
  if (typeof plugin !== 'object' || plugin === null || typeof plugin.id !== 'string') {
    throw new BackupError('E_PLUGIN_INVALID', 'Expected a plugin object with a kind and an id.', {
      hint: 'Call the factory: diskTarget({ path }), not diskTarget.',
    })
  }
  if (plugin.apiVersion !== apiVersion) {
    const reason = `it was written for contract version ${plugin.apiVersion}, this host has ${apiVersion}`
    throw invalid(
      plugin.kind ?? 'plugin',
      plugin.id,
      reason,
      'Install versions of the plugin and of Holdfast that fit.',
    )
  }
  if (kind !== undefined && plugin.kind !== kind) {
    throw invalid(
      plugin.kind ?? 'plugin',
      plugin.id,
      `a ${kind} is expected here, this is a ${plugin.kind}`,
      `Call a ${kind} factory here.`,
    )
  }
  return plugin as Plugin
}

function define(
  kind: PluginKind,
  defaults: Readonly<Record<string, unknown>>,
  definition: { readonly id: string; readonly capabilities: object },
): unknown {
  const { id, capabilities } = definition
  if (!/^[a-z0-9][a-z0-9-]{0,62}$/.test(id)) {
    throw invalid(kind, id, 'an id is lower-case letters, digits and dashes, at most 63')
  }
  const declared: Record<string, unknown> = { ...capabilities }
  for (const [name, value] of Object.entries(declared)) {
    if (!(name in defaults)) throw invalid(kind, id, `'${name}' is no capability of a ${kind}`)
    const fallback = defaults[name]
    if (fallback !== undefined && value !== undefined && typeof value !== typeof fallback) {
      throw invalid(kind, id, `capability '${name}' must be a ${typeof fallback}`)
    }
    if (value === undefined) delete declared[name]
  }
  return Object.freeze({
    ...definition,
    kind,
    apiVersion,
    capabilities: Object.freeze({ ...defaults, ...declared }),
  })
}

function invalid(
  kind: string,
  id: string,
  reason: string,
  hint = 'This is a defect of the plugin; tell its author.',
): BackupError {
  return new BackupError('E_PLUGIN_INVALID', `The ${kind} plugin '${id}' is invalid: ${reason}.`, { plugin: id, hint })
}
