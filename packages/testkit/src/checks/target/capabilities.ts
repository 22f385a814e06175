import { capabilityCheck } from '../capabilities.js'

/** What a target declares does not change. */
export const capabilityChecks = [capabilityCheck('target')] as const
