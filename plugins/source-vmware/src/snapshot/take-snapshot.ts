import type { Consistency, Logger } from '@holdfast/core'
import {
  isFault,
  isVimError,
  type MoRef,
  present,
  readObject,
  refOf,
  runTask,
  type VimSession,
} from '@holdfast/protocol-vim'
import { sourceError } from '../errors.js'
import type { MachineState } from '../inventory/machine-state.js'
import { snapshotTree } from './snapshot-tree.js'

/** What taking a snapshot needs. */
export interface SnapshotSite {
  readonly session: VimSession
  /** What the machine is called in messages. */
  readonly machine: string
  readonly state: MachineState
  /** Name of the snapshot. */
  readonly name: string
  readonly quiesce: 'always' | 'if-possible' | 'never'
  readonly logger: Logger
}

/** A snapshot that was taken. */
export interface TakenSnapshot {
  readonly ref: MoRef
  readonly consistency: Consistency
}

/** Faults that mean that the guest does not come to rest, and nothing else; after others a snapshot without rest would fail as well. */
const unrest = [
  'ApplicationQuiesceFault',
  'FilesystemQuiesceFault',
  'ToolsUnavailable',
  'NotSupported',
  'OperationNotSupportedByGuest',
]

const description =
  'Taken by Holdfast for a backup, and removed at its end. Without a backup running it may be removed.'

/**
 * Takes a snapshot, by way of VMware Tools where the guest shall come to rest. Once begun it is not broken off: what a host does half
 * cannot be undone.
 *
 * @throws BackupError `E_FREEZE` where the guest must come to rest and does not; VimError
 */
export async function takeSnapshot(site: SnapshotSite): Promise<TakenSnapshot> {
  const { state, quiesce, machine, logger } = site
  // What is off is at rest.
  if (!state.isOn) return { ref: await create(site, false), consistency: 'filesystem' }
  if (quiesce === 'never') return { ref: await create(site, false), consistency: 'crash' }
  if (!state.hasTools) {
    if (quiesce === 'always') throw notAtRest(machine, 'VMware Tools do not run in its guest')
    logger.warn('VMware Tools do not run in the guest: the capture is crash-consistent', { machine })
    return { ref: await create(site, false), consistency: 'crash' }
  }
  try {
    return { ref: await create(site, true), consistency: 'filesystem' }
  } catch (error) {
    if (!isFault(error, ...unrest)) throw error
    if (quiesce === 'always') throw notAtRest(machine, error.message, error)
    logger.warn(`the guest did not come to rest (${error.message}): the capture is crash-consistent`, { machine })
    return { ref: await create(site, false), consistency: 'crash' }
  }
}

async function create({ session, state, name }: SnapshotSite, isQuiesced: boolean): Promise<MoRef> {
  const args = { name, description, memory: false, quiesce: isQuiesced }
  try {
    return refOf(present(await runTask(session, state.moRef, 'CreateSnapshot_Task', args), 'the snapshot'))
  } catch (error) {
    if (!isVimError(error) || error.code === 'fault' || error.code === 'task') throw error
    // The answer was lost, perhaps, and not the snapshot.
    const found = await findSnapshot(session, state.moRef, name).catch(() => undefined)
    if (found === undefined) throw error
    return found
  }
}

/** Finds a snapshot by its name. @throws VimError */
export async function findSnapshot(session: VimSession, machine: MoRef, name: string): Promise<MoRef | undefined> {
  const { properties } = await readObject(session, machine, ['snapshot'])
  return snapshotTree(properties.get('snapshot')).find((each) => each.name === name)?.ref
}

function notAtRest(machine: string, why: string, cause?: unknown): Error {
  return sourceError('E_FREEZE', `Machine '${machine}' cannot be brought to rest: ${why}.`, {
    operation: 'source.take',
    context: { machine },
    hint: "Look after VMware Tools in the guest, or let the option quiesce be 'if-possible' or 'never'.",
    cause,
  })
}
