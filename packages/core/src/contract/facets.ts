import { BackupError } from './errors.js'

/**
 * Refuses a session whose optional facets disagree with what its plugin declares.
 *
 * Called by the host right after `open`: capability true ⇔ facet present.
 */
export function checkFacets<S extends object>(
  plugin: { readonly id: string; readonly kind: string; readonly capabilities: object },
  session: S,
  facets: readonly string[],
): S {
  for (const facet of facets) {
    const declared = (plugin.capabilities as Readonly<Record<string, unknown>>)[facet] === true
    const present = (session as Readonly<Record<string, unknown>>)[facet] !== undefined
    if (declared !== present) {
      throw new BackupError(
        'E_PLUGIN_INVALID',
        `The ${plugin.kind} plugin '${plugin.id}' declares ${facet}: ${declared}, but its session ${present ? 'has' : 'lacks'} that facet.`,
        { plugin: plugin.id, hint: 'This is a defect of the plugin; tell its author.' },
      )
    }
  }
  return session
}

/** Facets of each kind of session, by the name of their capability. */
export const sessionFacets = {
  source: ['restore'],
  quiesce: ['inspect'],
  target: ['sync', 'immutability', 'ordering', 'capacity', 'media', 'sets', 'library'],
} as const
