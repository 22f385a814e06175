import { checkPlugin, isBackupError, type Plugin, type PluginKind } from '@holdfast/core'
import { z } from 'zod'
import type { PluginSlots } from './config-shape.js'
import { isMapping } from './key-path.js'
import { loadPlugin } from './load-plugin.js'
import type { Problem } from './problem.js'

type PluginOf<K extends PluginKind> = Extract<Plugin, { readonly kind: K }>

/** Slots of YAML and JSON: `{ use, with }`, which become plugins while they are checked. */
export function declaredSlots(baseDir: string, cwd: string): PluginSlots {
  const slot = <K extends PluginKind>(kind: K) =>
    slotShape(kind).transform(async ({ use, with: options }, context): Promise<PluginOf<K>> => {
      const loaded = await loadPlugin({ kind, use, options: options ?? {}, baseDir, cwd })
      if ('plugin' in loaded && isKind(loaded.plugin, kind)) return loaded.plugin
      for (const problem of 'problems' in loaded ? loaded.problems : []) addProblem(context, problem)
      return z.NEVER
    })
  return { source: slot('source'), quiesce: slot('quiesce'), transform: slot('transform'), target: slot('target') }
}

/** Slots of TypeScript and JavaScript: plugin objects that a factory made. */
export function objectSlots(): PluginSlots {
  const slot = <K extends PluginKind>(kind: K) =>
    z.unknown().transform((value, context): PluginOf<K> => {
      const problem = notAPlugin(value, kind)
      if (problem !== undefined) {
        addProblem(context, { path: [], ...problem })
        return z.NEVER
      }
      try {
        const plugin = checkPlugin(value, kind)
        if (isKind(plugin, kind)) return plugin
      } catch (error) {
        if (!isBackupError(error)) throw error
        const hint = 'Install versions of the plugin and of Holdfast that fit.'
        addProblem(context, { path: [], message: error.message, hint, cause: error })
      }
      return z.NEVER
    })
  return { source: slot('source'), quiesce: slot('quiesce'), transform: slot('transform'), target: slot('target') }
}

/** Says what stands in the place of a plugin object, when it is none of that kind. */
function notAPlugin(value: unknown, kind: PluginKind): Pick<Problem, 'message' | 'hint'> | undefined {
  const hint = `Call a ${kind} factory: ${exampleCall[kind]}.`
  if (value === undefined) return { message: 'is missing.', hint }
  if (typeof value === 'function') return { message: `must be a ${kind} plugin, not a function.`, hint }
  if (!isMapping(value)) return { message: `must be a ${kind} plugin.`, hint }
  if ('use' in value) return { message: `must be a ${kind} plugin; { use, with } is for YAML and JSON.`, hint }
  if (typeof value['kind'] !== 'string') return { message: `must be a ${kind} plugin.`, hint }
  if (value['kind'] === kind) return undefined
  return { message: `must be a ${kind} plugin, not a ${value['kind']} plugin.`, hint }
}

const exampleCall: Readonly<Record<PluginKind, string>> = {
  source: 'imageSource({ path })',
  quiesce: 'scriptQuiesce({ freeze, thaw })',
  transform: 'zstdTransform()',
  target: 'diskTarget({ path })',
}

/** The shape of `{ use, with }`; the JSON schema is made from it too. */
export function slotShape(kind: PluginKind) {
  return z
    .strictObject({
      use: z.string().meta({ description: `Package or file of the ${kind} plugin`, examples: [exampleUse[kind]] }),
      with: z
        .record(z.string(), z.unknown())
        .meta({ description: 'Options of the plugin', examples: [{ path: './folder' }] })
        .optional(),
    })
    .meta({ examples: [{ use: exampleUse[kind] }] })
}

const exampleUse: Readonly<Record<PluginKind, string>> = {
  source: '@holdfast/source-image',
  quiesce: '@holdfast/quiesce-script',
  transform: '@holdfast/transform-zstd',
  target: '@holdfast/target-disk',
}

function isKind<K extends PluginKind>(plugin: Plugin, kind: K): plugin is PluginOf<K> {
  return plugin.kind === kind
}

function addProblem(context: z.RefinementCtx, { path, message, hint, atKey, cause }: Problem): void {
  context.addIssue({ code: 'custom', path: [...path], message, params: { hint, atKey, cause } })
}
