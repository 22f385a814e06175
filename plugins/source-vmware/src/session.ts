import {
  type MachineId,
  type MachineRef,
  type MachineSelector,
  machineMatches,
  type PluginContext,
  type SourceSession,
} from '@holdfast/core'
import type { VimSession } from '@holdfast/protocol-vim'
import { prepareMachine } from './capture/prepare-machine.js'
import { eachFromVsphere, fromVsphere, sourceError } from './errors.js'
import { type ListedMachine, listMachines } from './inventory/inventory.js'
import type { VmwareSettings } from './options.js'
import { admission } from './snapshot/admission.js'

/** Makes a session over a connection, which it takes over. */
export function vmwareSession(session: VimSession, settings: VmwareSettings, context: PluginContext): SourceSession {
  const { snapshotsPerDatastore, snapshotsPerHost } = settings.limits
  const turns = admission((name) => (name.startsWith('host ') ? snapshotsPerHost : snapshotsPerDatastore))
  /** Where machines were found last. */
  const known = new Map<MachineId, ListedMachine>()

  async function* discover(selector: MachineSelector, signal: AbortSignal): AsyncGenerator<MachineRef, void> {
    for await (const machine of eachFromVsphere({ operation: 'discover' }, listMachines(session, signal))) {
      if (known.get(machine.ref.id)?.moRef.value === machine.moRef.value || !known.has(machine.ref.id))
        known.set(machine.ref.id, machine)
      else throw twice(machine.ref)
      if (machineMatches(machine.ref, selector)) yield machine.ref
    }
  }
  const find = async ({ id }: MachineRef, signal: AbortSignal): Promise<ListedMachine> => {
    const before = known.get(id)
    if (before !== undefined) return before
    for await (const machine of listMachines(session, signal)) if (machine.ref.id === id) return machine
    throw sourceError('E_MACHINE_NOT_FOUND', `There is no machine '${id}' in the inventory of ${settings.host}.`, {
      operation: 'source.prepare',
      context: { machine: id },
      hint: 'Machines are known by their instanceUuid, which stays when they are moved or renamed.',
    })
  }
  return {
    discover: (selector, { signal }) => discover(selector, signal),
    prepare: async (machine, request, { signal }) => {
      const listed = await fromVsphere({ operation: 'prepare', machine: machine.name }, () => find(machine, signal))
      return await prepareMachine({ session, settings, context, admission: turns }, listed, request, signal)
    },
    [Symbol.asyncDispose]: () => session[Symbol.asyncDispose](),
  }
}

function twice({ id }: MachineRef): Error {
  return sourceError('E_SOURCE_INVALID', `Two machines have the instanceUuid ${id}.`, {
    operation: 'source.discover',
    context: { machine: id },
    hint: 'Give one of them another: vSphere makes a new one when the machine is registered as copied.',
  })
}
