import type { PluginKind } from '@holdfast/core'
import { importModule } from './import-module.js'
import { type Created, createPlugin, isPluginModule } from './plugin-module.js'
import {
  isPath,
  type PluginReference,
  packageName,
  parsePluginReference,
  resolvePluginModule,
} from './plugin-reference.js'
import type { Problem } from './problem.js'

/** What `{ use, with }` asks for. */
export interface PluginRequest {
  readonly kind: PluginKind
  readonly use: string
  readonly options: Readonly<Record<string, unknown>>
  readonly baseDir: string
  readonly cwd: string
}

/** Finds, imports and makes a plugin; paths of problems start at the slot. Rejects for nothing that a config can cause. */
export async function loadPlugin(request: PluginRequest): Promise<Created> {
  const { kind, use, options, baseDir, cwd } = request
  const reference = parsePluginReference(use)
  if (reference === undefined) {
    return refused(
      'is neither a package nor a file.',
      `Write use: '@holdfast/target-disk', 'package#export' or './plugin.js'.`,
    )
  }
  const url = await resolvePluginModule(reference.module, baseDir, cwd)
  if (url === undefined) {
    return notFound(reference)
  }
  let exports: Readonly<Record<string, unknown>>
  try {
    exports = await importModule(url)
  } catch (cause) {
    return failedImport(reference, cause)
  }
  const module = exports[reference.exportName]
  if (!isPluginModule(module)) return noPlugin(reference, exports, kind)
  if (module.kind !== kind) {
    return refused(
      `'${use}' is a ${module.kind} plugin; a ${kind} plugin belongs here.`,
      otherExport(exports, reference, kind),
    )
  }
  const created = await createPlugin(module, use, options)
  if ('plugin' in created) return created
  return { problems: created.problems.map((problem) => ({ ...problem, path: ['with', ...problem.path] })) }
}

function notFound({ module }: PluginReference): Created {
  if (isPath(module)) return refused('there is no such file.', 'Paths start at the folder of the configuration.')
  const name = packageName(module)
  const message =
    name === module ? `the package '${name}' is not installed.` : `there is no '${module}' in an installed package.`
  return refused(message, `Run npm install ${name} in the folder of the configuration.`)
}

function failedImport({ module }: PluginReference, cause: unknown): Created {
  const reason = cause instanceof Error ? cause.message : String(cause)
  const hint = isPath(module) ? 'Mend the file.' : `Install it again: npm install ${packageName(module)}`
  return refused(`'${module}' cannot be loaded: ${reason}`, hint, cause)
}

function noPlugin(
  { module, exportName }: PluginReference,
  exports: Readonly<Record<string, unknown>>,
  kind: PluginKind,
): Created {
  const names = pluginExports(exports, kind)
  const hint =
    names.length === 0
      ? `A plugin exports 'plugin' with kind, id, options and create; check the name of the package.`
      : `Write ${names.map((name) => useText(module, name)).join(' or ')}.`
  const what =
    exportName in exports
      ? `the export '${exportName}' of '${module}' is no plugin module.`
      : `'${module}' exports no '${exportName}'.`
  return refused(what, hint)
}

function otherExport(
  exports: Readonly<Record<string, unknown>>,
  { module }: PluginReference,
  kind: PluginKind,
): string {
  const names = pluginExports(exports, kind)
  if (names.length === 0)
    return `Use a plugin of kind ${kind}; their names start with '@holdfast/${kind}-' or 'holdfast-${kind}-'.`
  return `Write ${names.map((name) => useText(module, name)).join(' or ')}.`
}

function pluginExports(exports: Readonly<Record<string, unknown>>, kind: PluginKind): string[] {
  return Object.entries(exports).flatMap(([name, value]) =>
    isPluginModule(value) && value.kind === kind ? [name] : [],
  )
}

function useText(module: string, name: string): string {
  return name === 'plugin' ? `use: '${module}'` : `use: '${module}#${name}'`
}

function refused(message: string, hint: string, cause?: unknown): Created {
  const problem: Problem = { path: ['use'], message, hint, cause }
  return { problems: [problem] }
}
