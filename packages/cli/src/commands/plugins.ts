import type { Plugin } from '@holdfast/core'
import type { Invocation, Outcome } from '../invocation.js'
import { renderTable } from '../render/table.js'
import { openSession, type Session } from '../session.js'

/** A plugin that the configuration uses. */
export interface UsedPlugin {
  readonly kind: Plugin['kind']
  readonly id: string
  readonly apiVersion: number
  readonly usedBy: readonly string[]
  readonly capabilities: Readonly<Record<string, unknown>>
}

/** Lists the plugins that the configuration uses, with what they declare to be capable of. */
export async function plugins(invocation: Invocation): Promise<Outcome> {
  const { output } = invocation
  await using session = await openSession(invocation)
  const used = usedPlugins(session)
  output.document(used)
  const columns = [{ heading: 'kind' }, { heading: 'id' }, { heading: 'used by' }, { heading: 'capabilities' }]
  const rows = used.map(({ kind, id, usedBy, capabilities }) => [kind, id, usedBy.join(', '), describe(capabilities)])
  for (const line of renderTable(columns, rows, output.colors.bold)) output.line(line)
  return { exitCode: 0 }
}

function usedPlugins({ config }: Session): readonly UsedPlugin[] {
  const found = new Map<Plugin, Set<string>>()
  const use = (plugin: Plugin, by: string) => found.set(plugin, (found.get(plugin) ?? new Set<string>()).add(by))
  for (const { name, source, quiesce = [], transforms = [], targets } of config.pipelines) {
    const own = targets.flatMap((target) => target.transforms ?? [])
    for (const plugin of [source, ...quiesce, ...transforms, ...own]) use(plugin, `pipelines.${name}`)
  }
  for (const [name, plugin] of config.targets) use(plugin, `targets.${name}`)
  return [...found].map(([{ kind, id, apiVersion, capabilities }, usedBy]) => ({
    kind,
    id,
    apiVersion,
    usedBy: [...usedBy],
    capabilities: { ...capabilities },
  }))
}

function describe(capabilities: UsedPlugin['capabilities']): string {
  return Object.entries(capabilities)
    .flatMap(([name, value]) => {
      if (value === false || value === undefined) return []
      return value === true ? [name] : [`${name} ${Array.isArray(value) ? value.join('/') : String(value)}`]
    })
    .join(', ')
}
