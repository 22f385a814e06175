import { capabilityCheck } from '../capabilities.js'
import { freezeChecks } from './freeze.js'
import { inspectChecks } from './inspect.js'
import type { QuiesceCheck } from './quiesce-check.js'
import { quiesceSessionChecks } from './sessions.js'
import { thawChecks } from './thaw.js'

/** Everything that a hook is held to. */
export const quiesceChecks: readonly QuiesceCheck[] = [
  capabilityCheck('quiesce'),
  ...quiesceSessionChecks,
  ...freezeChecks,
  ...thawChecks,
  ...inspectChecks,
]
