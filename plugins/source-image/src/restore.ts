import { randomUUID } from 'node:crypto'
import {
  isBackupError,
  type Logger,
  type Machine,
  type MachineId,
  type Placement,
  type RestoreFacet,
} from '@holdfast/core'
import { imageFormats } from '@holdfast/formats'
import { type ImageKind, placeInFolder } from '@holdfast/machine-files'
import { z } from 'zod'
import { sourceError } from './errors.js'
import { printable } from './printable.js'

/** What putting machines back needs. */
export interface RestoreSettings {
  /** Absolute path of the folder that machines are placed below. */
  readonly root: string
  readonly logger: Logger
  /** Returns the ids of the machines that are there. */
  readonly takenIds: (signal: AbortSignal) => Promise<ReadonlySet<MachineId>>
}

/** Puts machines back as folders of images, with descriptions beside them. */
export function folderRestore({ root, logger, takenIds }: RestoreSettings): RestoreFacet {
  return {
    provision: async (machine, placement, { signal }) => {
      signal.throwIfAborted()
      const kind = imageKind(placement)
      const isTaken = (await takenIds(signal)).has(machine.id)
      const placed = await place(
        root,
        {
          ...machine,
          name: placement.name ?? machine.name,
          // A copy beside its original is a machine of its own.
          ...(isTaken && { id: randomUUID() as string as MachineId }),
        },
        kind,
      )
      for (const { what, from, to, why } of placed.report)
        logger.info(printable(`${what}: ${from} → ${to}. ${why}`), { machine: machine.id })
      return placed
    },
  }
}

async function place(root: string, machine: Machine, kind: ImageKind) {
  try {
    return await placeInFolder(root, machine, machine.disks, { kind })
  } catch (error) {
    if (!isBackupError(error)) throw error
    // A kind of image that is not written, or a disk that it cannot hold: another placement can.
    const code = error.code === 'E_UNSUPPORTED' ? 'E_PLACEMENT' : error.code
    throw sourceError(code, error.message, {
      operation: 'source.provision',
      context: { machine: machine.id, folder: root },
      ...(error.hint !== undefined && { hint: error.hint }),
      cause: error,
    })
  }
}

const placementSettings = z.strictObject({
  format: z.enum(imageFormats).default('raw'),
  variant: z.string().min(1).max(64).exactOptional(),
})

/** Checks the settings of a placement. @throws BackupError `E_PLACEMENT` */
function imageKind({ settings = {} }: Placement): ImageKind {
  const parsed = placementSettings.safeParse(settings)
  if (parsed.success) return parsed.data
  const [issue] = parsed.error.issues
  const where = issue === undefined || issue.path.length === 0 ? '' : `'${issue.path.join('.')}': `
  throw sourceError(
    'E_PLACEMENT',
    `The settings of the placement are wrong: ${where}${printable(issue?.message ?? '')}.`,
    {
      operation: 'source.provision',
      hint: `Known are format (${imageFormats.join(', ')}) and variant, the kind of image within the format.`,
      cause: parsed.error,
    },
  )
}
