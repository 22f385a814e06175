import { randomUUID } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import {
  isBackupError,
  type Machine,
  type MachineId,
  type Placement,
  type ProvisionedMachine,
  printableEnd,
  type RestoreFacet,
} from '@holdfast/core'
import { type PlacedMachine, placeInFolder } from '@holdfast/machine-files'
import { z } from 'zod'
import { type BootHost, bootMachine } from '../boot/boot-machine.js'
import { sourceError } from '../errors.js'

/** What putting machines back needs. */
export interface RestoreSettings extends BootHost {
  /** Folder that machines are put below; undefined when none was given. */
  readonly images: string | undefined
  /** Returns the ids of the machines that are there. */
  readonly takenIds: (signal: AbortSignal) => Promise<ReadonlySet<MachineId>>
}

const placementSettings = z.strictObject({ definition: z.string().min(1).exactOptional() })
const maxDefinitionBytes = 4 * 2 ** 20

/**
 * Puts machines back as QCOW2 images with libvirt's XML and a command for QEMU beside them. With the setting `definition`, the
 * path of a libvirt XML, the machine takes the place of the one that is defined there: only its disks change.
 */
export function restoreFacet(settings: RestoreSettings): RestoreFacet {
  return {
    provision: async (machine, placement, { signal }): Promise<ProvisionedMachine> => {
      signal.throwIfAborted()
      const { images, logger } = settings
      if (images === undefined) {
        throw sourceError('E_PLACEMENT', 'The source has no folder for restored machines.', {
          operation: 'source.provision',
          hint: "Name one with the option 'images'.",
        })
      }
      const placed = await place(images, await machineToBe(machine, placement, settings, signal), placement)
      for (const { what, from, to, why } of placed.report)
        logger.info(printableEnd(`${what}: ${from} → ${to}. ${why}`, 1024), { machine: machine.id })
      return {
        disks: placed.disks,
        location: placed.location,
        commit: placed.commit,
        boot: async (probe, options) =>
          bootMachine(settings, { machine, images: await placed.complete(), probe }, options.signal),
        [Symbol.asyncDispose]: () => placed[Symbol.asyncDispose](),
      }
    },
  }
}

async function machineToBe(
  machine: Machine,
  { name, settings = {} }: Placement,
  { takenIds }: RestoreSettings,
  signal: AbortSignal,
): Promise<Machine> {
  const parsed = placementSettings.safeParse(settings)
  if (!parsed.success) {
    throw sourceError('E_PLACEMENT', 'The settings of the placement are wrong.', {
      operation: 'source.provision',
      hint: 'Known is definition, the path of a libvirt XML.',
      cause: parsed.error,
    })
  }
  const { definition } = parsed.data
  if (definition !== undefined) {
    const text = await definitionText(definition)
    const { readLibvirt } = await import('@holdfast/descriptions/libvirt')
    const defined = readLibvirt(text)
    return { ...machine, id: defined.id, name: name ?? defined.name, native: defined.native }
  }
  const isTaken = (await takenIds(signal)).has(machine.id)
  return {
    ...machine,
    name: name ?? machine.name,
    // A copy beside its original is a machine of its own.
    ...(isTaken && { id: randomUUID() as string as MachineId }),
  }
}

async function definitionText(path: string): Promise<Uint8Array> {
  try {
    const text = await readFile(path)
    if (text.byteLength <= maxDefinitionBytes) return text
  } catch (cause) {
    throw sourceError('E_PLACEMENT', `The definition ${path} cannot be read.`, {
      operation: 'source.provision',
      hint: 'Check the path and its permissions.',
      cause,
    })
  }
  throw sourceError('E_PLACEMENT', `${path} is too large for the XML of a machine.`, { operation: 'source.provision' })
}

async function place(images: string, machine: Machine, { contents }: Placement): Promise<PlacedMachine> {
  try {
    return await placeInFolder(images, machine, machine.disks, {
      kind: { format: 'qcow2' },
      ...(contents !== undefined && { contents }),
    })
  } catch (error) {
    if (!isBackupError(error)) throw error
    // A disk that QCOW2 cannot hold: another placement can.
    throw sourceError(error.code === 'E_UNSUPPORTED' ? 'E_PLACEMENT' : error.code, error.message, {
      operation: 'source.provision',
      context: { machine: machine.id, folder: images },
      ...(error.hint !== undefined && { hint: error.hint }),
      cause: error,
    })
  }
}
