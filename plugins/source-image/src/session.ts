import {
  type CaptureRequest,
  type MachineId,
  type MachineRef,
  type MachineSelector,
  machineMatches,
  type PluginContext,
  type PreparedCapture,
  type SourceSession,
} from '@holdfast/core'
import { loadHoleSeeker } from '@holdfast/machine-files'
import { takeCapture } from './capture.js'
import type { OpeningRules } from './disks/open-disk.js'
import { sourceError } from './errors.js'
import { looseDisks } from './machines/loose-images.js'
import { type FolderMachine, readMachineFolder } from './machines/machine-folder.js'
import { type ScannedMachine, type ScanRules, scanMachines } from './machines/machine-scan.js'

/** What a session works on. */
export interface SessionSettings extends ScanRules {
  readonly context: PluginContext
}

/** Makes a session; it holds nothing open between calls. */
export function imageSession({ context, ...scanRules }: SessionSettings): SourceSession {
  const { logger, clock } = context
  const { root, ...rules } = scanRules
  let scanned: readonly ScannedMachine[] = []

  const scan = async (signal: AbortSignal) => {
    signal.throwIfAborted()
    scanned = await scanMachines(scanRules, logger, signal)
    return scanned
  }

  const findFolder = async (id: MachineId, signal: AbortSignal) => {
    const known = scanned.filter(({ ref }) => ref.id === id)
    const found = known.length > 0 ? known : (await scan(signal)).filter(({ ref }) => ref.id === id)
    const [machine, twin] = found
    if (machine === undefined) throw machineNotFound(id, root)
    if (twin === undefined) return machine.folder
    throw sourceError(
      'E_SOURCE_INVALID',
      `${machine.folder} and ${twin.folder} both say that they are machine '${id}'.`,
      {
        operation: 'source.prepare',
        context: { machine: id },
        hint: 'Give one of them another id in its machine.json; a copied folder often keeps the old one.',
      },
    )
  }

  const readMachine = async (id: MachineId, opening: OpeningRules, earlier?: FolderMachine) => {
    const machine = await readMachineFolder(opening.rules, earlier)
    if (machine === undefined || machine.ref.id !== id) throw machineNotFound(id, root)
    const { disks } = machine
    return { machine, disks: disks.by === 'description' ? disks.disks : await looseDisks(disks.names, opening, logger) }
  }

  async function* discover(
    selector: MachineSelector,
    signal: AbortSignal,
  ): AsyncGenerator<MachineRef, void, undefined> {
    const yielded = new Set<MachineId>()
    for (const machine of await scan(signal)) {
      signal.throwIfAborted()
      if (yielded.has(machine.ref.id) || !fits(machine, selector)) continue
      yielded.add(machine.ref.id)
      yield machine.ref
    }
  }

  const prepare = async (
    { id }: MachineRef,
    request: CaptureRequest,
    signal: AbortSignal,
  ): Promise<PreparedCapture> => {
    const folder = await findFolder(id, signal)
    const opening = { rules: { ...rules, folder }, seeker: await loadHoleSeeker() }
    const prepared = await readMachine(id, opening)
    signal.throwIfAborted()
    let taken = false
    return {
      take: async (options) => {
        if (taken)
          throw sourceError('E_USAGE', `Machine '${id}' was already taken from this preparation.`, {
            operation: 'source.take',
          })
        taken = true
        options.signal.throwIfAborted()
        // Read again: a freeze hook may have recorded changes or made a snapshot since, which belong to what is captured.
        const { machine, disks } = await readMachine(id, opening, prepared.machine)
        return takeCapture({ machine, disks, opening, request, clock, logger, signal: options.signal })
      },
      [Symbol.asyncDispose]: async () => {},
    }
  }

  return {
    discover: (selector, { signal }) => discover(selector, signal),
    prepare: (machine, request, { signal }) => prepare(machine, request, signal),
    [Symbol.asyncDispose]: async () => {},
  }
}

function fits({ ref, broken }: ScannedMachine, selector: MachineSelector): boolean {
  if (!broken) return machineMatches(ref, selector)
  // Its labels are unknown: better that it fails than that it is silently left out.
  const { labels: _unknown, ...byName } = selector
  return machineMatches(ref, byName)
}

function machineNotFound(id: MachineId, root: string): Error {
  return sourceError('E_MACHINE_NOT_FOUND', `There is no machine '${id}' in ${root}.`, {
    operation: 'source.prepare',
    context: { machine: id },
    hint: 'A machine is a sub-folder with disk images or a machine.json; its id is the one in there, or the name of the folder.',
  })
}
