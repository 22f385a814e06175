import { join } from 'node:path'
import type {
  CaptureRequest,
  Clock,
  DiskSpec,
  Logger,
  MachineRef,
  PreparedCapture,
  UnavailableDisk,
} from '@holdfast/core'
import type { DescribedMachine } from '@holdfast/descriptions'
import { queryBlockDevices, queryBlockNodes, queryStatus } from '@holdfast/protocol-qmp'
import { nextCheckpoint, readBitmapName } from '../checkpoints/checkpoint.js'
import { planTracking } from '../checkpoints/plan-tracking.js'
import { sourceError } from '../errors.js'
import { startJanitor } from '../janitor/start-janitor.js'
import { type AttachedDisk, attachedDisks } from '../machines/attached-disks.js'
import { hardwareOf } from '../machines/neutral-machine.js'
import { fromQemu, type Monitor, openMonitor } from '../monitor/monitor.js'
import { isRunning, ownOwner } from '../monitor/owner.js'
import { pushTransport } from '../push/push-transport.js'
import { newSpoolFolder, openSpoolServer } from '../push/spool-server.js'
import { cleanUp, ownersIn } from '../snapshot/clean-up.js'
import { fixMoment } from '../snapshot/fix-moment.js'
import { layFilters, type ScratchSettings, usualGranularityBytes } from '../snapshot/lay-filters.js'
import { refuseOtherJobs } from '../snapshot/refuse-other-jobs.js'
import { dropCheckpoints, liveCapture, type PreparedMachine, type ReleaseParts, release } from './live-capture.js'
import { pullTransport } from './pull-transport.js'
import type { PlannedDisk } from './transport.js'

/** What preparing a machine needs. */
export interface PrepareSettings {
  readonly ref: MachineRef
  /** The name that its socket and definition have. */
  readonly name: string
  readonly monitorPath: string
  readonly timeoutMs: number
  readonly definition: DescribedMachine | undefined
  readonly scratch: ScratchSettings
  readonly transport: 'pull' | 'push'
  readonly tempDir: string
  /** Names a chain when the disks begin a new one. */
  readonly newChain: () => string
  readonly clock: Clock
  readonly logger: Logger
}

/** States in which QEMU's disks are as the guest left them, and may be looked at. */
const quietStates: readonly string[] = ['running', 'paused', 'prelaunch', 'suspended', 'shutdown', 'guest-panicked']

/** Does all that must come before the moment: connects, tidies up after the dead, looks at disks and bitmaps, lays the filters. */
export async function prepareMachine(
  settings: PrepareSettings,
  { previous }: CaptureRequest,
  signal: AbortSignal,
): Promise<PreparedCapture> {
  const { name, monitorPath, timeoutMs, clock } = settings
  const monitor = await openMonitor({ machine: name, path: monitorPath, timeoutMs }, signal)
  const owner = ownOwner()
  const scratchFiles = join(settings.scratch.folder, settings.scratch.prefix)
  const spoolFolder = settings.transport === 'push' ? newSpoolFolder(settings.tempDir) : undefined
  const janitor = startJanitor(
    'tidy',
    monitorPath,
    owner,
    scratchFiles,
    ...(spoolFolder === undefined ? [] : [spoolFolder]),
  )
  let parts: ReleaseParts = { name, owner, monitor, janitor, spools: undefined, logger: settings.logger }
  let phase: 'prepared' | 'taken' | 'released' = 'prepared'
  const discard = async () => {
    if (phase !== 'prepared') return
    phase = 'released'
    await release(parts)
  }
  try {
    if (spoolFolder !== undefined) parts = { ...parts, spools: await openSpoolServer(name, spoolFolder) }
    await tidyUp(monitor, settings.logger)
    const prepared = await fromQemu(name, 'prepare', () => prepareDisks(settings, previous, parts, signal))
    signal.throwIfAborted()
    return {
      take: async (options) => {
        if (phase !== 'prepared')
          throw sourceError('E_USAGE', `Machine '${name}' was already taken from this preparation.`, {
            operation: 'source.take',
          })
        options.signal.throwIfAborted()
        // The moment is fixed as a whole or not at all: once begun, an abort waits some milliseconds.
        try {
          await fromQemu(name, 'take', () => fixMoment(monitor.session, owner, prepared.disks))
        } catch (error) {
          // Checkpoints that were begun lead nowhere; where QEMU is gone they are, too.
          await dropCheckpoints(prepared).catch(() => undefined)
          throw error
        }
        phase = 'taken'
        return liveCapture(prepared, clock.now())
      },
      [Symbol.asyncDispose]: discard,
    }
  } catch (error) {
    // What broke first is what matters; the janitor and the next run tidy up what this cannot.
    await discard().catch(() => undefined)
    throw error
  }
}

/** Takes out what dead backups left. @throws BackupError `E_SOURCE_UNAVAILABLE` when one of them lives */
async function tidyUp({ machine, session }: Monitor, logger: Logger): Promise<void> {
  const own = ownOwner()
  const owners = [...(await fromQemu(machine, 'prepare', () => ownersIn(session)))]
  if (owners.length === 0) return
  const busy = owners.find((owner) => owner !== own && isRunning(owner))
  if (busy !== undefined) {
    throw sourceError('E_SOURCE_UNAVAILABLE', `Another backup of machine '${machine}' is running.`, {
      operation: 'source.prepare',
      context: { machine, process: busy.split('-')[0] ?? '' },
      retry: 'transient',
      hint: 'Wait for it to end, or end that process: what it leaves behind is removed by the next run.',
    })
  }
  logger.warn('an earlier backup ended without a farewell; what it left in QEMU is removed', { machine })
  await fromQemu(machine, 'prepare', () => cleanUp(session, (owner) => owners.includes(owner)))
}

async function prepareDisks(
  settings: PrepareSettings,
  previous: CaptureRequest['previous'],
  parts: ReleaseParts,
  signal: AbortSignal,
): Promise<PreparedMachine> {
  const { ref, name, definition, scratch, clock, logger } = settings
  const { session } = parts.monitor
  const call = { signal }
  const { status } = await queryStatus(session, call)
  if (!quietStates.includes(status)) {
    throw sourceError('E_SOURCE_UNAVAILABLE', `Machine '${name}' is in the state '${status}'.`, {
      operation: 'source.prepare',
      context: { machine: name },
      retry: 'transient',
      hint: 'Run again when it runs or stands still.',
    })
  }
  const described = definition?.disks ?? []
  const attached = attachedDisks(
    await queryBlockDevices(session, call),
    await queryBlockNodes(session, call),
    described,
  )
  const plans = attached.map(({ id, node }) => planTracking(node, previous.get(id)))
  const chain = plans.find(({ base }) => base !== undefined)?.base?.chain ?? settings.newChain()
  const before = attached.flatMap(({ node }) => node.bitmaps.flatMap((bitmap) => readBitmapName(bitmap.name) ?? []))
  const checkpoint = nextCheckpoint(chain, before, clock.now())
  const disks = attached.map((disk, number): PlannedDisk => {
    const plan = plans[number] ?? planTracking(disk.node, undefined)
    const { base, keeps } = plan
    const granularityBytes = base?.granularityBytes ?? usualGranularityBytes
    return {
      disk,
      number,
      plan,
      ...(base !== undefined && { base }),
      ...(keeps !== undefined && { next: { ...checkpoint, granularityBytes, keeps } }),
    }
  })
  const absent = described.filter(({ id, file }) => file !== undefined && !attached.some((disk) => disk.id === id))
  for (const { id } of absent)
    logger.warn('a disk of the definition is not in the running machine', { machine: name, disk: id })
  const hardware = await hardwareOf(session, ref.id, ref.name, definition, signal)
  await layFilters(session, parts.owner, disks, scratch, signal)
  // Not before: from here on QEMU lets nobody begin a mirror of these disks.
  await refuseOtherJobs(session, name, signal)
  const transport =
    parts.spools === undefined
      ? await pullTransport(parts.monitor, parts.owner, scratch)
      : await pushTransport(parts.monitor, parts.owner, { disks, spools: parts.spools, scratchFolder: scratch.folder })
  return {
    ...parts,
    transport,
    machine: { ...hardware, disks: [...attached.map(diskSpec), ...absent.map(({ id }) => ({ id, sizeBytes: 0 }))] },
    disks,
    unavailable: absent.map(({ id }): UnavailableDisk => ({ id, reason: notThere })),
    chain,
    clock,
  }
}

const notThere = 'the definition has it, and the running machine does not'

function diskSpec({ id, node, spec }: AttachedDisk): DiskSpec {
  return { id, sizeBytes: node.sizeBytes, ...spec }
}
