import type { CallOptions } from '../contract/context.js'
import { BackupError } from '../contract/errors.js'
import { checkFacets, sessionFacets } from '../contract/facets.js'
import type { RestoreFacet, SourcePlugin } from '../contract/source.js'
import { type EngineHost, pluginContext } from './host.js'

/** A source that machines can be put back on, with an open session of it. */
export interface RestoringSource {
  readonly plugin: Pick<SourcePlugin, 'id' | 'capabilities'>
  readonly restore: RestoreFacet
}

/** Opens a source to restore machines on. @throws BackupError `E_UNSUPPORTED` when it cannot, and what opening throws */
export async function openRestoringSource(
  plugin: SourcePlugin,
  host: EngineHost,
  options: CallOptions,
): Promise<RestoringSource & AsyncDisposable> {
  if (!plugin.capabilities.restore) throw cannotRestore(plugin.id)
  const session = checkFacets(plugin, await plugin.open(pluginContext(host, options.signal)), sessionFacets.source)
  const { restore } = session
  if (restore !== undefined) return { plugin, restore, [Symbol.asyncDispose]: () => session[Symbol.asyncDispose]() }
  await session[Symbol.asyncDispose]()
  throw cannotRestore(plugin.id)
}

function cannotRestore(plugin: string): BackupError {
  return new BackupError('E_UNSUPPORTED', `Source '${plugin}' cannot restore machines.`, {
    plugin,
    hint: "Restore into a folder with --to, or on a source that can: 'holdfast plugins' shows which have the capability restore.",
  })
}
