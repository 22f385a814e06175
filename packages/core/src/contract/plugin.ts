import type { PluginContext } from './context.js'
import type { QuiescePlugin } from './quiesce.js'
import type { SourcePlugin } from './source.js'
import type { TargetPlugin } from './target.js'
import type { TransformPlugin } from './transform.js'

/** The contract version that a plugin was written for. */
export const apiVersion = 1

/** What every plugin object carries, whatever its kind. */
export interface PluginBase<Kind extends string> {
  readonly kind: Kind
  /** Stable name: recorded with recovery points and named in errors (`disk`, `acme-vault`). */
  readonly id: string
  readonly apiVersion: typeof apiVersion
}

/** A plugin that holds connections: constructed without I/O, opened by the engine, closed by disposal. */
export interface OpenablePlugin<Kind extends string, Session> extends PluginBase<Kind> {
  /**
   * Opens a session.
   *
   * Called: by the engine, once a run; several sessions may be open at once. Abort: rejects, holding nothing.
   * @throws BackupError `E_CONFIG`, `E_SECRET`, or the kind's `…_UNAVAILABLE` and `…_DENIED` codes.
   */
  readonly open: (context: PluginContext) => Promise<Session>
}

/** Any plugin. */
export type Plugin = SourcePlugin | QuiescePlugin | TransformPlugin | TargetPlugin

/** One of the four kinds. */
export type PluginKind = Plugin['kind']

/**
 * What a plugin package exports as `plugin`, so that `use: '<package>'` in a config finds it.
 *
 * `options` is any Standard Schema (https://standardschema.dev); with its JSON-schema extension editors complete the options.
 */
export interface PluginModule<Options = unknown> {
  readonly kind: PluginKind
  readonly id: string
  readonly options: OptionsSchema<Options>
  /** Makes the plugin from what `options` put out; a factory that checks again must accept that. */
  readonly create: (options: Options) => Plugin
}

/** The part of the Standard Schema interface that a host needs to check a plugin's options. */
export interface OptionsSchema<Output = unknown> {
  readonly '~standard': {
    readonly version: 1
    readonly vendor: string
    readonly validate: (value: unknown) => OptionsResult<Output> | Promise<OptionsResult<Output>>
    readonly jsonSchema?: { readonly input: (options: { target: string }) => Record<string, unknown> }
    readonly types?: { readonly input: unknown; readonly output: Output } | undefined
  }
}

/** What checking options yields: the parsed value, or issues with the path of each. */
export type OptionsResult<Output> =
  | { readonly value: Output; readonly issues?: undefined }
  | { readonly issues: readonly OptionsIssue[] }

/** One thing wrong with given options. */
export interface OptionsIssue {
  readonly message: string
  readonly path?: readonly (PropertyKey | { readonly key: PropertyKey })[] | undefined
}
