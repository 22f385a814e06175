import type { PluginKind } from '@holdfast/core'
import type { EnvironmentByKind } from '../../src/index.js'

/** A plugin with one flaw, and the check that must find it. */
export interface Sabotage<Kind extends PluginKind> {
  readonly flaw: string
  readonly caughtBy: string
  /** Part of the reason that the check must give, so that it fails for the flaw and not by accident. */
  readonly because: RegExp
  readonly environment: () => EnvironmentByKind[Kind]
}
