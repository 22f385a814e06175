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
import { takeCapture } from './capture.js'
import { sourceError } from './errors.js'
import { loadHoleSeeker } from './hole-seeker.js'
import { type FolderMachine, readMachineFolder } from './machine-folder.js'
import { type ScannedMachine, scanMachines } from './machine-scan.js'

/** What a session works on. */
export interface SessionSettings {
  /** Absolute path of the folder that holds the machines. */
  readonly root: string
  readonly followSymlinks: boolean
  readonly context: PluginContext
}

/** Makes a session; it holds nothing open between calls. */
export function imageSession({ root, followSymlinks, context }: SessionSettings): SourceSession {
  const { logger, clock } = context
  let scanned: readonly ScannedMachine[] = []
  let loading: ReturnType<typeof loadHoleSeeker> | undefined

  const scan = async (signal: AbortSignal) => {
    signal.throwIfAborted()
    scanned = await scanMachines(root, followSymlinks, logger, signal)
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

  const readMachine = async (folder: string, id: MachineId, earlier?: FolderMachine) => {
    const machine = await readMachineFolder(folder, followSymlinks, earlier)
    if (machine === undefined || machine.ref.id !== id) throw machineNotFound(id, root)
    return machine
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
    const prepared = await readMachine(folder, id)
    loading ??= loadHoleSeeker(logger)
    const seeker = await loading
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
        // Read again: a freeze hook may have recorded changes since, and they must belong to the bytes that are captured.
        const machine = await readMachine(folder, id, prepared)
        return takeCapture({ machine, folder, followSymlinks, request, seeker, clock, logger, signal: options.signal })
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
    hint: 'A machine is a sub-folder with raw images or a machine.json; its id is the one in there, or the name of the folder.',
  })
}
