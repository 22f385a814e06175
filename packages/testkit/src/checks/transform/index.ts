import { capabilityCheck } from '../capabilities.js'
import { declaredChecks } from './declared.js'
import { hostileChecks } from './hostile.js'
import { keyedChecks } from './keyed.js'
import { roundTripChecks } from './round-trip.js'
import type { TransformCheck } from './transform-check.js'

/** Everything that a transform is held to. */
export const transformChecks: readonly TransformCheck[] = [
  capabilityCheck('transform'),
  ...roundTripChecks,
  ...declaredChecks,
  ...hostileChecks,
  ...keyedChecks,
]
