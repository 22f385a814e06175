import { capabilityChecks } from './capabilities.js'
import { cleanUpTarget } from './clean-up.js'
import { facetChecks } from './facets.js'
import { getChecks } from './get.js'
import { keyChecks } from './keys.js'
import { largeObjectChecks } from './large-object.js'
import { listChecks } from './list.js'
import { putContentChecks } from './put-content.js'
import { putFailureChecks } from './put-failures.js'
import { putVisibilityChecks } from './put-visibility.js'
import { sessionChecks } from './sessions.js'
import { setChecks } from './sets.js'
import { statAndRemoveChecks } from './stat-and-remove.js'
import type { TargetCheck } from './target-check.js'

/** Everything that a target is held to. */
export const targetChecks: readonly TargetCheck[] = [
  ...capabilityChecks,
  ...facetChecks,
  ...putContentChecks,
  ...putVisibilityChecks,
  ...putFailureChecks,
  ...getChecks,
  ...statAndRemoveChecks,
  ...listChecks,
  ...keyChecks,
  ...sessionChecks,
  ...setChecks,
  ...largeObjectChecks,
].map((check) => ({ ...check, cleanUp: cleanUpTarget }))
