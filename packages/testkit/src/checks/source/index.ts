import { capabilityCheck } from '../capabilities.js'
import { bootChecks } from './boot.js'
import { captureChecks } from './capture.js'
import { discoverChecks } from './discover.js'
import { extentChecks } from './extents.js'
import { readChecks } from './read.js'
import { restoreChecks } from './restore.js'
import { sourceSessionChecks } from './sessions.js'
import type { SourceCheck } from './source-check.js'
import { trackingChecks } from './tracking.js'

/** Everything that a source is held to. */
export const sourceChecks: readonly SourceCheck[] = [
  capabilityCheck('source'),
  ...sourceSessionChecks,
  ...discoverChecks,
  ...captureChecks,
  ...extentChecks,
  ...trackingChecks,
  ...readChecks,
  ...restoreChecks,
  ...bootChecks,
]
