import type { Capture, CapturedDisk, Clock, Logger, Machine, UnavailableDisk } from '@holdfast/core'
import { bitmapName, changeToken } from '../checkpoints/checkpoint.js'
import { removeBitmaps, retireBitmaps } from '../checkpoints/retire-bitmaps.js'
import type { Janitor } from '../janitor/start-janitor.js'
import { fromQemu, isMonitorLost, type Monitor } from '../monitor/monitor.js'
import type { Owner } from '../monitor/owner.js'
import type { SpoolServer } from '../push/spool-server.js'
import { cleanUp } from '../snapshot/clean-up.js'
import type { PlannedDisk, Transport } from './transport.js'

/** A machine whose filters are laid, with all that must be put away again. */
export interface PreparedMachine {
  readonly name: string
  readonly machine: Machine
  readonly disks: readonly PlannedDisk[]
  readonly unavailable: readonly UnavailableDisk[]
  readonly chain: string
  readonly owner: Owner
  readonly monitor: Monitor
  readonly janitor: Janitor
  /** Where QEMU writes to, when it pushes. */
  readonly spools: SpoolServer | undefined
  readonly transport: Transport
  readonly clock: Clock
  readonly logger: Logger
}

/** Puts away all that was put into QEMU, and lets go of the monitor; of a monitor that is lost, the janitor takes care. */
export async function release({ name, owner, monitor, janitor, spools, logger }: ReleaseParts): Promise<void> {
  let bidJanitor = janitor.takeOver
  try {
    await fromQemu(name, 'release', () => cleanUp(monitor.session, (found) => found === owner))
    bidJanitor = janitor.dismiss
  } catch (error) {
    if (!isMonitorLost(error)) throw error
    logger.warn('the connection to QEMU is lost; what is left there is removed over another', { machine: name })
  } finally {
    await monitor[Symbol.asyncDispose]()
    // Not before: QEMU takes leave of it.
    await spools?.[Symbol.asyncDispose]()
    // The last of all: until here this process may die.
    bidJanitor()
  }
}

/** What releasing needs. */
export type ReleaseParts = Pick<PreparedMachine, 'name' | 'owner' | 'monitor' | 'janitor' | 'spools' | 'logger'>

/** Makes the capture of a machine whose moment was fixed at `takenAt`. */
export function liveCapture(prepared: PreparedMachine, takenAt: Date): Capture {
  const { name, monitor, disks, transport, chain, clock } = prepared
  const { session } = monitor
  let acknowledged = false
  let released: Promise<void> | undefined

  const close = async () => {
    await transport.stop()
    try {
      if (!acknowledged) await fromQemu(name, 'release', () => dropCheckpoints(prepared))
    } catch (error) {
      // The next capture of the chain removes them too.
      if (!isMonitorLost(error)) throw error
    } finally {
      await release(prepared)
    }
  }

  return {
    machine: prepared.machine,
    consistency: 'crash',
    takenAt,
    disks: disks.map(
      (planned): CapturedDisk => ({
        id: planned.disk.id,
        sizeBytes: planned.disk.node.sizeBytes,
        tracking: planned.plan.tracking,
        ...(planned.next !== undefined && { changeToken: changeToken(planned.next) }),
        ...transport.open(planned),
      }),
    ),
    unavailable: prepared.unavailable,
    acknowledge: async ({ signal }) => {
      signal.throwIfAborted()
      // From here on a recovery point may lead back to the checkpoints: they stay whatever happens.
      acknowledged = true
      await fromQemu(name, 'acknowledge', () =>
        retireBitmaps(
          session,
          disks.map(({ disk, base, next }) => ({
            node: disk.node.nodeName,
            chain,
            keep: new Set([base, next].flatMap((each) => (each === undefined ? [] : [bitmapName(each)]))),
            now: clock.now(),
          })),
        ),
      )
    },
    [Symbol.asyncDispose]: () => {
      released ??= close()
      return released
    },
  }
}

/** Removes the checkpoints that a capture began and nobody will come back to. @throws QmpError */
export async function dropCheckpoints({ disks, monitor }: PreparedMachine): Promise<void> {
  const begun = new Map(
    disks.flatMap(({ disk, next }) => (next ? [[disk.node.nodeName, bitmapName(next)] as const] : [])),
  )
  await removeBitmaps(monitor.session, (node, { name }) => begun.get(node) === name)
}
