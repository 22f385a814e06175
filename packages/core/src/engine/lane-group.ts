import { BackupError, isBackupError } from '../contract/errors.js'
import type { Lane } from './lane.js'
import { waitForAll } from './wait-for-all.js'

/** The lanes of a run. One that fails is left out from then on and costs the others nothing. */
export interface LaneGroup {
  readonly all: readonly Lane[]
  readonly alive: () => readonly Lane[]
  readonly failureOf: (lane: Lane) => unknown
  /**
   * Does something in every live lane at once; lanes that throw are failed.
   *
   * Throws only when aborted or when no lane is left.
   */
  readonly each: <T>(action: (lane: Lane, position: number) => Promise<T>) => Promise<ReadonlyMap<Lane, T>>
}

/** Groups lanes. */
export function laneGroup(
  all: readonly Lane[],
  signal: AbortSignal,
  onFailure: (lane: Lane, error: unknown) => void,
): LaneGroup {
  const failures = new Map<Lane, unknown>()
  const alive = () => all.filter((lane) => !failures.has(lane))
  return {
    all,
    alive,
    failureOf: (lane) => failures.get(lane),
    each: async (action) => {
      const results = new Map<Lane, Awaited<ReturnType<typeof action>>>()
      await waitForAll(
        alive().map(async (lane) => {
          try {
            results.set(lane, await action(lane, all.indexOf(lane)))
          } catch (error) {
            signal.throwIfAborted()
            if (failures.has(lane)) return
            failures.set(lane, error)
            onFailure(lane, error)
          }
        }),
      )
      signal.throwIfAborted()
      if (alive().length === 0) throw noTargetLeft(failures)
      return results
    },
  }
}

function noTargetLeft(failures: ReadonlyMap<Lane, unknown>): BackupError {
  const [first] = failures
  const cause = first?.[1]
  const detail = isBackupError(cause) ? cause.message : String(cause)
  return new BackupError(
    isBackupError(cause) ? cause.code : 'E_PLUGIN_UNEXPECTED',
    `Every target failed; '${first?.[0].name}': ${detail}`,
    {
      cause,
      ...(isBackupError(cause) && cause.hint !== undefined ? { hint: cause.hint } : {}),
    },
  )
}
