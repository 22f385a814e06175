import type {
  CaptureRequest,
  DiskSpec,
  Machine,
  MachineRef,
  PluginContext,
  PreparedCapture,
  UnavailableDisk,
} from '@holdfast/core'
import {
  datastoreFiles,
  integerAt,
  isVimError,
  type MoRef,
  parseDatastorePath,
  readObject,
  type VimSession,
} from '@holdfast/protocol-vim'
import { fromVsphere, sourceError } from '../errors.js'
import { readDisks, type VmwareDisk } from '../inventory/disks.js'
import type { ListedMachine } from '../inventory/inventory.js'
import { type MachineState, readMachine } from '../inventory/machine-state.js'
import type { VmwareSettings } from '../options.js'
import type { Admission } from '../snapshot/admission.js'
import { removeSnapshot } from '../snapshot/remove-snapshot.js'
import { ownership, snapshotName } from '../snapshot/snapshot-owner.js'
import { findSnapshot, takeSnapshot } from '../snapshot/take-snapshot.js'
import { enableTracking } from '../tracking/enable-tracking.js'
import { planTracking } from '../tracking/plan-tracking.js'
import { httpsTransport } from '../transports/https.js'
import { nfcTransport } from '../transports/nfc.js'
import { sanTransport } from '../transports/san.js'
import type { Transport } from '../transports/transport.js'
import { betweenScripts, type GuestPrograms } from './guest-scripts.js'
import { snapshotCapture } from './snapshot-capture.js'

/** What captures need. */
export interface CaptureSite {
  readonly session: VimSession
  readonly settings: VmwareSettings
  readonly context: PluginContext
  readonly admission: Admission
}

/** Does all that must come before the snapshot: looks at the machine, tidies up after the dead, begins tracking, waits for its turn. */
export async function prepareMachine(
  site: CaptureSite,
  listed: ListedMachine,
  { previous }: CaptureRequest,
  signal: AbortSignal,
): Promise<PreparedCapture> {
  const { session, settings, context, admission } = site
  const { ref } = listed
  const doing = { operation: 'prepare', machine: ref.name }
  const first = await fromVsphere(doing, () => readMachine(session, listed.moRef, signal))
  const datastores = new Set(first.disks.flatMap(({ datastore }) => (datastore === undefined ? [] : [datastore.value])))
  const turn = await admission.enter(
    [...[...datastores].map((each) => `datastore ${each}`), `host ${first.host?.value ?? ''}`],
    { signal },
  )
  let phase: 'prepared' | 'taken' | 'discarded' = 'prepared'
  try {
    await fromVsphere(doing, () => tidyUp(site, ref, first, signal))
    const state = await fromVsphere(doing, () => readMachine(session, listed.moRef, signal))
    await fromVsphere(doing, () => requireRoom(site, ref, state, signal))
    const name = snapshotName(Buffer.from(context.randomBytes(4)).toString('hex'))
    const { clock, logger } = context
    const untracked = await fromVsphere(doing, () =>
      enableTracking({ session, machine: ref.name, state, snapshotName: name, clock, logger }),
    )
    const native = await nativeOf(site, listed, state, signal)
    const guest = await guestOf(site, ref, state, signal)
    return {
      take: async (options) => {
        if (phase !== 'prepared')
          throw sourceError('E_USAGE', `Machine '${ref.name}' was already taken from this preparation.`, {
            operation: 'source.take',
          })
        options.signal.throwIfAborted()
        phase = 'taken'
        try {
          const snapshot = await betweenScripts(guest, options.signal, () =>
            fromVsphere({ operation: 'take', machine: ref.name }, () =>
              takeSnapshot({ session, machine: ref.name, state, name, quiesce: settings.quiesce, logger }),
            ),
          )
          const takenAt = clock.now()
          return await captureOf(
            site,
            { listed, state, native, untracked, snapshot, previous, turn },
            takenAt,
            options.signal,
          )
        } catch (error) {
          await dropSnapshot(site, state.moRef, name, ref.name)
          turn[Symbol.dispose]()
          throw error
        }
      },
      [Symbol.asyncDispose]: async () => {
        if (phase !== 'prepared') return
        phase = 'discarded'
        turn[Symbol.dispose]()
      },
    }
  } catch (error) {
    turn[Symbol.dispose]()
    throw error
  }
}

/** Removes snapshots that dead backups left. @throws BackupError `E_SOURCE_UNAVAILABLE` when one of them lives; VimError */
async function tidyUp(
  { session, context, settings }: CaptureSite,
  { name }: MachineRef,
  state: MachineState,
  signal: AbortSignal,
): Promise<void> {
  const { clock, logger } = context
  for (const snapshot of state.snapshots) {
    const owner = ownership(snapshot, clock.now())
    if (owner === 'busy')
      throw sourceError(
        'E_SOURCE_UNAVAILABLE',
        `Another backup of machine '${name}' is running: it has the snapshot ${snapshot.name}.`,
        {
          operation: 'source.prepare',
          context: { machine: name },
          retry: 'transient',
          hint: 'Wait for it to end. If none runs, remove that snapshot: after a day it is removed by the next run.',
        },
      )
    if (owner !== 'orphaned') continue
    signal.throwIfAborted()
    logger.warn('an earlier backup ended without a farewell; its snapshot is removed', {
      machine: name,
      snapshot: snapshot.name,
    })
    await removeSnapshot(session, snapshot.ref, clock)
  }
  const foreign = state.snapshots.filter((each) => ownership(each, clock.now()) === 'foreign').length
  if (foreign > settings.maxSnapshots)
    throw sourceError(
      'E_SOURCE_UNAVAILABLE',
      `Machine '${name}' has ${foreign} snapshots; at most ${settings.maxSnapshots} are taken for sound.`,
      {
        operation: 'source.prepare',
        context: { machine: name },
        hint: 'Remove those that nobody needs, or raise the option maxSnapshots.',
      },
    )
  if (state.needsConsolidation)
    logger.warn('disks of the machine need consolidation: an earlier snapshot was not removed whole', { machine: name })
}

async function requireRoom(
  { session, settings }: CaptureSite,
  { name }: MachineRef,
  { disks }: MachineState,
  signal: AbortSignal,
): Promise<void> {
  const datastores = new Map(
    disks.flatMap(({ datastore }) => (datastore === undefined ? [] : [[datastore.value, datastore] as const])),
  )
  for (const ref of datastores.values()) {
    const { properties } = await readObject(session, ref, ['name', 'summary'], { signal })
    const summary = properties.get('summary')
    const [free, capacity] = [integerAt(summary, 'freeSpace'), integerAt(summary, 'capacity')]
    if (free === undefined || capacity === undefined || free >= capacity * settings.minFree) continue
    const called = properties.get('name')?.text ?? ref.value
    throw sourceError(
      'E_SOURCE_UNAVAILABLE',
      `Datastore ${called} of machine '${name}' has ${free} of ${capacity} bytes free: a snapshot could fill it.`,
      {
        operation: 'source.prepare',
        context: { machine: name, datastore: called },
        hint: 'Make room on it, or lower the option minFree.',
      },
    )
  }
}

async function nativeOf(
  { session, context }: CaptureSite,
  { ref, datacenter }: ListedMachine,
  { vmxFile }: MachineState,
  signal: AbortSignal,
): Promise<Machine['native']> {
  if (vmxFile === undefined) return undefined
  try {
    return {
      format: 'vmx',
      text: await datastoreFiles(session, datacenter).readText(parseDatastorePath(vmxFile), { signal }),
    }
  } catch (error) {
    if (!isVimError(error) || error.code !== 'http') throw error
    context.logger.warn(`the configuration of the machine cannot be read: ${error.message}`, { machine: ref.name })
    return undefined
  }
}

async function guestOf(
  { session, settings, context }: CaptureSite,
  { name }: MachineRef,
  state: MachineState,
  signal: AbortSignal,
): Promise<GuestPrograms | undefined> {
  const { guestScripts } = settings
  if (guestScripts === undefined || !state.isOn) return undefined
  const { user, preFreeze, postThaw, timeoutMs } = guestScripts
  const password = await context.resolveSecret(guestScripts.password, { signal })
  return { session, machine: name, moRef: state.moRef, user, password, preFreeze, postThaw, timeoutMs }
}

interface Taken {
  readonly listed: ListedMachine
  readonly state: MachineState
  readonly native: Machine['native']
  readonly untracked: string | undefined
  readonly snapshot: Awaited<ReturnType<typeof takeSnapshot>>
  readonly previous: CaptureRequest['previous']
  readonly turn: Disposable
}

async function captureOf(site: CaptureSite, taken: Taken, takenAt: Date, signal: AbortSignal) {
  const { session, settings, context } = site
  const { listed, state, native, untracked, snapshot, previous, turn } = taken
  const { ref, moRef } = listed
  const doing = { operation: 'take', machine: ref.name }
  const { properties } = await fromVsphere(doing, () =>
    readObject(session, snapshot.ref, ['config.hardware.device'], { signal }),
  )
  const isExcluded = ({ id, label }: VmwareDisk) =>
    settings.excludeDisks.includes(id) || settings.excludeDisks.includes(label)
  const inSnapshot = readDisks(properties.get('config.hardware.device')).filter((disk) => !isExcluded(disk))
  // What snapshots leave out is not in their configuration.
  const leftOut = state.disks.filter((disk) => !isExcluded(disk) && !inSnapshot.some(({ key }) => key === disk.key))
  const all = [...inSnapshot, ...leftOut]
  const unavailable = all.flatMap((disk): readonly UnavailableDisk[] => {
    const reason = disk.problem ?? (leftOut.includes(disk) ? 'the snapshot does not hold it' : undefined)
    return reason === undefined ? [] : [{ id: disk.id, reason }]
  })
  const disks = []
  for (const disk of inSnapshot.filter(({ problem }) => problem === undefined)) {
    const tracked = { session, machine: moRef, snapshot: snapshot.ref, untracked }
    disks.push({
      disk,
      plan: await fromVsphere(doing, () => planTracking(tracked, disk, previous.get(disk.id), signal)),
    })
  }
  const machine: Machine = {
    ...state.hardware,
    id: ref.id,
    name: ref.name,
    disks: all.map(diskSpec),
    ...(native !== undefined && { native }),
  }
  const { clock, logger } = context
  const release = async () => {
    try {
      await fromVsphere({ operation: 'release', machine: ref.name }, () => removeSnapshot(session, snapshot.ref, clock))
    } finally {
      turn[Symbol.dispose]()
    }
  }
  const transports = settings.transports.map((each) => transportOf(site, each, listed, snapshot.ref))
  return snapshotCapture(
    { session, moRef, machine, snapshot, disks, unavailable, transports, clock, logger, release },
    takenAt,
  )
}

function transportOf(
  { session, context }: CaptureSite,
  option: VmwareSettings['transports'][number],
  { datacenter }: ListedMachine,
  snapshot: MoRef,
): Transport {
  switch (option.kind) {
    case 'san':
      return sanTransport(option.datastores, context.baseDir)
    case 'https':
      return httpsTransport(datastoreFiles(session, datacenter), context.clock)
    case 'nfc':
      return nfcTransport(session, snapshot, context.tempDir)
  }
}

function diskSpec({ id, sizeBytes, label, bus }: VmwareDisk): DiskSpec {
  return { id, sizeBytes, label, ...(bus !== undefined && { bus }) }
}

/** Removes a snapshot of which it is not known whether it was taken; what broke first is what matters. */
async function dropSnapshot(
  { session, context }: CaptureSite,
  moRef: MoRef,
  name: string,
  machine: string,
): Promise<void> {
  try {
    const found = await findSnapshot(session, moRef, name)
    if (found !== undefined) await removeSnapshot(session, found, context.clock)
  } catch (error) {
    context.logger.warn(
      `the snapshot ${name} may be left: ${error instanceof Error ? error.message : String(error)} The next run removes it.`,
      { machine },
    )
  }
}
