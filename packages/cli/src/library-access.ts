import type { LoadedConfig } from '@holdfast/config'
import { BackupError, checkFacets, type LibraryFacet, sessionFacets, type TargetSession } from '@holdfast/core'
import { pluginContext } from '@holdfast/core/engine'
import type { Invocation } from './invocation.js'
import { usageError } from './output.js'
import { openSession } from './session.js'
import { chosenTargets } from './target-access.js'

/** An open target whose media can be handled. */
export interface OpenLibrary {
  readonly target: string
  readonly library: LibraryFacet
  /** Present when the target keeps sets of media. */
  readonly sets: TargetSession['sets']
}

/** The given target, or the only one whose media can be handled. @throws BackupError `E_USAGE` */
function libraryTarget(config: LoadedConfig, given: string | undefined): string {
  const able = chosenTargets(config, []).filter((name) => config.targets.get(name)?.capabilities.library === true)
  if (given !== undefined) {
    chosenTargets(config, [given])
    if (able.includes(given)) return given
    throw usageError(`Target '${given}' has no media that can be handled.`, hintFor(able))
  }
  const [only] = able
  if (only === undefined) throw usageError('No target has media that can be handled.', hintFor(able))
  if (able.length === 1) return only
  throw usageError('Several targets have media that can be handled.', `Choose one with --target: ${able.join(', ')}.`)
}

/** Opens the target, lets `action` handle its media, and closes it. Its repository is not opened. */
export async function withLibrary<T>(
  invocation: Invocation,
  given: string | undefined,
  action: (opened: OpenLibrary) => Promise<T>,
): Promise<T> {
  const { signal } = invocation
  await using session = await openSession(invocation)
  const target = libraryTarget(session.config, given)
  const plugin = session.config.targets.get(target)
  if (plugin === undefined) throw usageError(`There is no target '${target}'.`, 'Check the name in the configuration.')
  await using store = checkFacets(plugin, await plugin.open(pluginContext(session.host, signal)), sessionFacets.target)
  const { library, sets } = store
  if (library === undefined) {
    throw new BackupError('E_PLUGIN_INVALID', `The session of target '${target}' has no library.`, {
      plugin: plugin.id,
      hint: 'This is a defect of the plugin; tell its author.',
    })
  }
  return await action({ target, library, sets })
}

function hintFor(able: readonly string[]): string {
  return able.length === 0
    ? "It takes a target with the capability 'library', such as a tape library: see 'holdfast plugins'."
    : `Choose another with --target: ${able.join(', ')}.`
}
