import { defineTarget } from './define.js'
import type { SourcePlugin, SourceSession } from './source.js'
import type { TargetCapabilities, TargetPlugin, TargetSession } from './target.js'

/** Decorates a target: every session passes through `decorate`; capabilities may only be narrowed. */
export function wrapTarget(
  inner: TargetPlugin,
  decorate: (session: TargetSession) => TargetSession,
  narrowed: Partial<TargetCapabilities> = {},
): TargetPlugin {
  return defineTarget({
    id: inner.id,
    capabilities: { ...inner.capabilities, ...narrowed },
    open: async (context) => decorate(await inner.open(context)),
  })
}

/** Decorates a source: every session passes through `decorate`. */
export function wrapSource(inner: SourcePlugin, decorate: (session: SourceSession) => SourceSession): SourcePlugin {
  return Object.freeze({
    ...inner,
    open: async (context: Parameters<SourcePlugin['open']>[0]) => decorate(await inner.open(context)),
  })
}
