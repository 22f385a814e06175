import type { Command } from 'commander'
import type { MediaPlanOptions } from '../commands/tape/media-plan.js'
import type { Declare } from './declare.js'

/** Declares what tells of media before they are needed. */
export function declareMediaPlan(declare: Declare, group: Command): void {
  const [plan, choosePlan] = declare('plan', 'show which media a restore needs, in order, and where they are', group)
  plan
    .argument('<point...>', 'id, start of an id, or machine@latest')
    .option('--target <name>', 'look at copies on this target only')
    .action((points: readonly string[], options: MediaPlanOptions) =>
      choosePlan(false, async (invocation) =>
        (await import('../commands/tape/media-plan.js')).mediaPlan(invocation, points, options),
      ),
    )
}
