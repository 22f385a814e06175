import { existsSync } from 'node:fs'
import { createRequire } from 'node:module'
import { isAbsolute, join, resolve } from 'node:path'
import { pathToFileURL } from 'node:url'
import { BackupError, checkPlugin, type Plugin, type PluginKind } from '@holdfast/core'
import type { Invocation } from './invocation.js'
import { usageError } from './output.js'
import { openSession } from './session.js'

/** What the checks are run on. */
export interface ConformanceSubject {
  /** The kit's environment of that kind: at least `create`. */
  readonly environment: { readonly create: () => Plugin }
  /** Folder that relative paths in the plugin's options start from. */
  readonly baseDir: string
}

/**
 * Finds a plugin to check: `module#export`, or a name of the configuration.
 *
 * The export is a plugin, an environment of the conformance kit, or a function that makes either. Of the configuration,
 * a target goes by its name, a source by the name of its pipeline, a hook or a transform by its id.
 */
export async function conformanceSubject(
  kind: PluginKind,
  subject: string,
  invocation: Invocation,
): Promise<ConformanceSubject> {
  const at = subject.lastIndexOf('#')
  if (at > 0) return exported(kind, subject.slice(0, at), subject.slice(at + 1), invocation.cwd)
  await using session = await openSession(invocation)
  const { config } = session
  const candidates = new Map<string, Plugin>(config.targets)
  if (kind !== 'target') {
    candidates.clear()
    for (const { name, source, quiesce = [] } of config.pipelines) {
      if (kind === 'source') candidates.set(name, source)
      if (kind === 'quiesce') for (const hook of quiesce) candidates.set(hook.id, hook)
    }
    if (kind === 'transform') for (const transform of config.transforms) candidates.set(transform.id, transform)
  }
  const plugin = candidates.get(subject)
  if (plugin === undefined) {
    const known = [...candidates.keys()].join(', ') || 'none'
    throw usageError(
      `The configuration has no ${kind} '${subject}'.`,
      `It has: ${known}. A module is written module#export.`,
    )
  }
  return { environment: { create: () => plugin, ...machineFor(kind) }, baseDir: config.baseDir }
}

/** A hook is checked with a machine that it need not know. */
function machineFor(kind: PluginKind): object {
  return kind === 'quiesce' ? { machine: { id: 'conformance', name: 'conformance' } } : {}
}

async function exported(kind: PluginKind, module: string, name: string, cwd: string): Promise<ConformanceSubject> {
  const exports: Readonly<Record<string, unknown>> = await importFrom(module, cwd)
  const value = exports[name]
  if (value === undefined) {
    throw usageError(`'${module}' exports no '${name}'.`, `Its exports: ${Object.keys(exports).join(', ') || 'none'}.`)
  }
  const made: unknown = typeof value === 'function' ? await value() : value
  if (isEnvironment(made)) {
    checkPlugin(made.create(), kind)
    return { environment: { ...machineFor(kind), ...made }, baseDir: cwd }
  }
  const plugin = checkPlugin(made, kind)
  // A factory without options makes a new plugin each time, as a host would.
  const create = typeof value === 'function' ? () => checkPlugin(value(), kind) : () => plugin
  return { environment: { create, ...machineFor(kind) }, baseDir: cwd }
}

async function importFrom(module: string, cwd: string): Promise<Readonly<Record<string, unknown>>> {
  const url = locate(module, cwd)
  try {
    return await import(url)
  } catch (cause) {
    throw new BackupError('E_USAGE', `'${module}' cannot be loaded: ${messageOf(cause)}`, {
      hint: 'Mend the module.',
      cause,
    })
  }
}

function locate(module: string, cwd: string): string {
  if (module.startsWith('.') || isAbsolute(module)) {
    const path = resolve(cwd, module)
    if (existsSync(path)) return pathToFileURL(path).href
    throw usageError(`There is no file '${module}'.`, 'Paths start at the working folder.')
  }
  try {
    return pathToFileURL(createRequire(join(cwd, 'package.json')).resolve(module)).href
  } catch (cause) {
    throw new BackupError('E_USAGE', `'${module}' cannot be found from here.`, {
      hint: 'Install the package in this folder, or give a file: ./my-target.js#myTarget.',
      cause,
    })
  }
}

function messageOf(cause: unknown): string {
  return cause instanceof Error ? cause.message : String(cause)
}

function isEnvironment(value: unknown): value is { readonly create: () => Plugin } {
  return (
    typeof value === 'object' &&
    value !== null &&
    'create' in value &&
    typeof value.create === 'function' &&
    !('apiVersion' in value)
  )
}
