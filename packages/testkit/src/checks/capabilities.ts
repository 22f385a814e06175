import { apiVersion, checkPlugin, type PluginKind } from '@holdfast/core'
import type { Check } from './check.js'
import { expectEqual, expectThat } from './expect.js'

/** The check that a plugin object and its capabilities are fixed; the same for every kind. */
export function capabilityCheck<Kind extends PluginKind>(kind: Kind): Check<Kind> {
  return {
    id: `${kind}/capabilities/constant`,
    kind,
    title: 'declares capabilities that are frozen and the same every time',
    run: async (env) => {
      const [one, other] = [env.create(), env.create()]
      for (const plugin of [one, other]) {
        checkPlugin(plugin, kind)
        expectEqual([plugin.kind, plugin.apiVersion], [kind, apiVersion], 'Kind and contract version')
        expectThat(/^[a-z0-9][a-z0-9-]{0,62}$/.test(plugin.id), `'${plugin.id}' is no plugin id.`)
        expectThat(Object.isFrozen(plugin), 'The plugin object is not frozen: make it with define*.')
        expectThat(
          Object.isFrozen(plugin.capabilities),
          'The capabilities are not frozen: make the plugin with define*.',
        )
      }
      expectEqual([one.id, one.capabilities], [other.id, other.capabilities], 'Id and capabilities of a second object')
    },
  }
}
