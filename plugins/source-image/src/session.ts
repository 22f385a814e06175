import { join } from 'node:path'
import {
  type CaptureRequest,
  type Logger,
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
import type { FolderMachine } from './machines/machine-folder.js'
import {
  type MachineOrigin,
  readOrigin,
  type ScannedMachine,
  type ScanRules,
  scanMachines,
} from './machines/machine-scan.js'
import { printable } from './printable.js'
import { folderRestore } from './restore.js'

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

  const findOrigin = async (id: MachineId, signal: AbortSignal) => {
    const known = scanned.filter(({ ref }) => ref.id === id)
    const found = known.length > 0 ? known : (await scan(signal)).filter(({ ref }) => ref.id === id)
    const [machine, twin] = found
    if (machine === undefined) throw machineNotFound(id, root)
    if (twin === undefined) return machine.origin
    const [one, other] = [machine, twin].map(({ origin }) => join(origin.folder, origin.file ?? ''))
    throw sourceError('E_SOURCE_INVALID', `${one} and ${other} both say that they are machine '${id}'.`, {
      operation: 'source.prepare',
      context: { machine: id },
      hint: 'Give one of them another id, in a machine.json of its folder; a copied folder often keeps the old one.',
    })
  }

  const readMachine = async (id: MachineId, origin: MachineOrigin, opening: OpeningRules, earlier?: FolderMachine) => {
    const machines = await readOrigin(opening.rules, origin, earlier)
    const machine = machines.find(({ ref }) => ref.id === id)
    if (machine === undefined) throw machineNotFound(id, root)
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
    const origin = await findOrigin(id, signal)
    const opening = { rules: { ...rules, folder: origin.folder }, seeker: await loadHoleSeeker() }
    const prepared = await readMachine(id, origin, opening)
    signal.throwIfAborted()
    logNotes(prepared.machine, logger)
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
        const { machine, disks } = await readMachine(id, origin, opening, prepared.machine)
        return takeCapture({ machine, disks, opening, request, clock, logger, signal: options.signal })
      },
      [Symbol.asyncDispose]: async () => {},
    }
  }

  return {
    discover: (selector, { signal }) => discover(selector, signal),
    prepare: (machine, request, { signal }) => prepare(machine, request, signal),
    restore: folderRestore({
      root,
      logger,
      takenIds: async (signal) => new Set((await scan(signal)).map(({ ref }) => ref.id)),
    }),
    [Symbol.asyncDispose]: async () => {},
  }
}

/** Says what a description knows and the neutral model cannot; all of it stays in the machine's native text. */
function logNotes({ ref, notes = [] }: FolderMachine, logger: Logger): void {
  if (notes.length === 0) return
  logger.info('the description says more than the neutral model can; it is kept word for word', {
    machine: ref.id,
    notes: notes.length,
  })
  for (const { what, where, why } of notes)
    logger.debug(printable(`${what}: ${why}`), { machine: ref.id, where: printable(where) })
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
    hint: 'A machine is a sub-folder with disk images or a machine.json, or what a .vmx, .ovf, .ova or libvirt .xml describes; its id is the one in there, or the name of the folder.',
  })
}
