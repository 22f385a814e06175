import type { ChangeToken, Tracking } from '@holdfast/core'
import { changedAreas, isFault, type MoRef, type VimSession } from '@holdfast/protocol-vim'
import type { VmwareDisk } from '../inventory/disks.js'
import { readChangeToken, trackingOf } from './change-token.js'

/** What can be told of a disk's changes. */
export interface TrackingPlan {
  readonly tracking: Tracking
  /** Changes since this one are told; present exactly when they can be. */
  readonly since?: string
}

/** Where a disk's changes are asked for. */
export interface TrackedSnapshot {
  readonly session: VimSession
  readonly machine: MoRef
  readonly snapshot: MoRef
  /** Why changes are not tracked. */
  readonly untracked: string | undefined
}

/** Asks for the first changes since the last capture; what cannot be told makes the disk go in full, with the reason. */
export async function planTracking(
  { session, machine, snapshot, untracked }: TrackedSnapshot,
  { key, changeId, sizeBytes }: VmwareDisk,
  previous: ChangeToken | undefined,
  signal: AbortSignal,
): Promise<TrackingPlan> {
  const full = (reason: string): TrackingPlan => ({ tracking: { mode: 'full', reason } })
  if (previous === undefined) return full('no earlier capture')
  const since = readChangeToken(previous)
  if (since === undefined) return full('the change token is of another source')
  if (changeId === undefined) return full(untracked ?? 'the host tracks no changes of this disk')
  if (trackingOf(since) !== trackingOf(changeId))
    return full(
      'tracking began anew since the last capture: the disk was moved to another datastore, restored, or its tracking was reset',
    )
  const query = { machine, snapshot, deviceKey: key, changeId: since, capacityBytes: sizeBytes }
  try {
    await changedAreas(session, query, { signal }).next()
  } catch (error) {
    // A host that has lost its records says so by this fault, or takes the id for a wrong argument.
    if (!isFault(error, 'FileFault', 'InvalidArgument', 'NotFound', 'SystemError')) throw error
    return full(`the host cannot tell the changes since the last capture (${error.fault}): ${error.message}`)
  }
  return {
    tracking: {
      mode: 'incremental',
      reason: `changes since ${since.slice(since.lastIndexOf('/') + 1)} of the host's count`,
    },
    since,
  }
}
