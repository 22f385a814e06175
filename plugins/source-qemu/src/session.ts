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
import type { DescribedMachine } from '@holdfast/descriptions'
import type { BootHost } from './boot/boot-machine.js'
import { prepareMachine } from './capture/prepare-machine.js'
import { sourceError } from './errors.js'
import { definedMachines, readDefinition } from './machines/definitions.js'
import { monitoredMachines, monitorPath } from './machines/monitor-sockets.js'
import { restoreFacet } from './restore/restore-facet.js'

/** What a session works on; paths are absolute. */
export interface SessionSettings {
  readonly monitor: string
  readonly definitions?: string
  readonly scratch: string
  readonly transport: 'pull' | 'push'
  readonly images: string | undefined
  readonly boot: BootHost['boot']
  readonly scratchTimeoutMs: number
  readonly timeoutMs: number
  readonly context: PluginContext
}

/** A machine, and the name that its socket and definition have. */
interface KnownMachine {
  readonly ref: MachineRef
  readonly name: string
  readonly definition: DescribedMachine | undefined
  /** Why it cannot be captured: it is found all the same, so that it fails alone, and aloud. */
  readonly problem?: unknown
}

/** Makes a session; it holds nothing open between calls. */
export function qemuSession(settings: SessionSettings): SourceSession {
  const { monitor, definitions, scratch, scratchTimeoutMs, timeoutMs, context } = settings
  const { clock, logger } = context
  const randomHex = (bytes: number) => Buffer.from(context.randomBytes(bytes)).toString('hex')

  const knownMachine = async (name: string): Promise<KnownMachine> => {
    const plain = { id: name as MachineId, name }
    try {
      const definition = await readDefinition(definitions, name)
      return { name, definition, ref: definition === undefined ? plain : { id: definition.id, name: definition.name } }
    } catch (problem) {
      return { name, definition: undefined, ref: plain, problem }
    }
  }

  const machines = async (signal: AbortSignal): Promise<readonly KnownMachine[]> => {
    const names = new Set([...(await monitoredMachines(monitor)), ...(await definedMachines(definitions))])
    const byId = new Map<MachineId, KnownMachine>()
    for (const name of [...names].sort()) {
      signal.throwIfAborted()
      const machine = await knownMachine(name)
      const twin = byId.get(machine.ref.id)
      byId.set(machine.ref.id, twin === undefined ? machine : { ...twin, problem: twice(machine.ref) })
    }
    return [...byId.values()]
  }

  async function* discover(selector: MachineSelector, signal: AbortSignal): AsyncGenerator<MachineRef, void> {
    for (const { ref } of await machines(signal)) if (machineMatches(ref, selector)) yield ref
  }

  const prepare = async (ref: MachineRef, request: CaptureRequest, signal: AbortSignal): Promise<PreparedCapture> => {
    const machine = (await machines(signal)).find((known) => known.ref.id === ref.id)
    if (machine === undefined) throw notFound(ref, monitor)
    if (machine.problem !== undefined) throw machine.problem
    const { name, definition } = machine
    return prepareMachine(
      {
        ref: machine.ref,
        name,
        monitorPath: monitorPath(monitor, name),
        timeoutMs,
        definition,
        scratch: { folder: scratch, prefix: `hf-${randomHex(4)}`, timeoutMs: scratchTimeoutMs },
        transport: settings.transport,
        tempDir: context.tempDir,
        newChain: () => randomHex(6),
        clock,
        logger,
      },
      request,
      signal,
    )
  }

  return {
    discover: (selector, { signal }) => discover(selector, signal),
    prepare: (machine, request, { signal }) => prepare(machine, request, signal),
    restore: restoreFacet({
      images: settings.images,
      boot: settings.boot,
      tempDir: context.tempDir,
      logger,
      takenIds: async (signal) => new Set((await machines(signal)).map(({ ref }) => ref.id)),
    }),
    [Symbol.asyncDispose]: async () => {},
  }
}

function notFound({ id }: MachineRef, monitor: string): Error {
  return sourceError('E_MACHINE_NOT_FOUND', `There is no machine '${id}' with a socket like ${monitor}.`, {
    operation: 'source.prepare',
    context: { machine: id },
    hint: 'A machine is a QMP socket that fits the pattern, or a definition.',
  })
}

function twice({ id }: MachineRef): Error {
  return sourceError('E_SOURCE_INVALID', `Two definitions say that they are machine '${id}'.`, {
    operation: 'source.discover',
    context: { machine: id },
    hint: 'Give one of them another uuid, or remove it.',
  })
}
