import type { PluginKind } from '@holdfast/core'
import type { CapabilitiesByKind, Check } from './check.js'
import type { EnvironmentByKind } from './environment.js'
import { quiesceChecks } from './quiesce/index.js'
import { sourceChecks } from './source/index.js'
import { targetChecks } from './target/index.js'
import { transformChecks } from './transform/index.js'

/** Every check, by kind of plugin. */
export const checksByKind: { readonly [Kind in PluginKind]: readonly Check<Kind>[] } = {
  source: sourceChecks,
  quiesce: quiesceChecks,
  transform: transformChecks,
  target: targetChecks,
}

/** The checks for plugins of a kind. */
export function checksOf<Kind extends PluginKind>(kind: Kind): readonly Check<Kind>[] {
  return checksByKind[kind]
}

/** What the plugin of an environment declares. */
export function capabilitiesOf<Kind extends PluginKind>(
  environment: EnvironmentByKind[Kind],
): CapabilitiesByKind[Kind] {
  // The environment of a kind makes plugins of that kind, which the type system cannot follow through a lookup.
  return environment.create().capabilities as CapabilitiesByKind[Kind]
}
