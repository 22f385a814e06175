import type { Clock, Logger } from '@holdfast/core'
import { isVimError, present, refOf, runTask, type VimSession } from '@holdfast/protocol-vim'
import type { MachineState } from '../inventory/machine-state.js'
import { removeSnapshot } from '../snapshot/remove-snapshot.js'

/** What enabling needs. */
export interface TrackingSite {
  readonly session: VimSession
  readonly machine: string
  readonly state: MachineState
  /** Name for the snapshot that starts it. */
  readonly snapshotName: string
  readonly clock: Clock
  readonly logger: Logger
}

/**
 * Sees to it that changed blocks are tracked (VMware KB 1020128): tracking begins at the next snapshot, so that one is taken and removed where the
 * machine runs.
 *
 * Where the machine has snapshots it is not begun: what hosts then tell of allocated areas is wrong.
 *
 * @returns why changes are not tracked; undefined when they are
 */
export async function enableTracking(site: TrackingSite): Promise<string | undefined> {
  const { session, machine, state, snapshotName, clock, logger } = site
  if (state.isTracked) return undefined
  if (!state.canBeTracked) return 'the machine is too old for changed block tracking'
  if (state.snapshots.length > 0)
    return 'changed block tracking is off, and is not begun while the machine has snapshots'
  try {
    await runTask(session, state.moRef, 'ReconfigVM_Task', { spec: { changeTrackingEnabled: true } })
    logger.info('changed block tracking was turned on', { machine })
    if (!state.isOn) return undefined
    const args = { name: snapshotName, description: 'Begins changed block tracking.', memory: false, quiesce: false }
    const taken = await runTask(session, state.moRef, 'CreateSnapshot_Task', args)
    await removeSnapshot(session, refOf(present(taken, 'the snapshot')), clock)
    return undefined
  } catch (error) {
    if (!isVimError(error) || (error.code !== 'fault' && error.code !== 'task')) throw error
    logger.warn(`changed block tracking cannot be turned on: ${error.message}`, { machine })
    return `changed block tracking cannot be turned on: ${error.message}`
  }
}
