import type { Dirent } from 'node:fs'
import { readdir } from 'node:fs/promises'
import { join, parse } from 'node:path'
import type { MachineId, MachineRef } from '@holdfast/core'
import type { Note } from '@holdfast/descriptions'
import { pathProblem, readStart } from '@holdfast/machine-files'
import { sourceError } from '../errors.js'
import type { FolderRules } from '../files/folder-rules.js'
import { imageNames } from '../files/image-names.js'
import { openFile } from '../files/open-file.js'
import {
  type DiskDescription,
  type MachineDescription,
  machineIdSchema,
  parseMachineDescription,
  parseName,
} from './machine-description.js'

/** Largest `machine.json` that is read, in bytes. */
const maxDescriptionBytes = 8 * 2 ** 20

/** Name of the file that says more about a folder's machine; it wins over every other description. */
export const descriptionName = 'machine.json'

/** A machine as its folder describes it, before any disk is opened. */
export interface FolderMachine {
  readonly ref: MachineRef
  readonly description: MachineDescription
  readonly disks: DiskListing
  /** The text of `machine.json`, to see whether it changed; absent without such a file. */
  readonly source?: Uint8Array
  /** When `machine.json` was last written, in ns since 1970. */
  readonly describedNs?: bigint
  /** What a hypervisor's description says and the neutral model cannot. */
  readonly notes?: readonly Note[]
}

/** What says which disks a machine has: a description, or the files that lie in its folder. */
export type DiskListing =
  | { readonly by: 'description'; readonly disks: readonly DiskDescription[] }
  | { readonly by: 'folder'; readonly names: readonly string[] }

interface DescriptionFile {
  readonly source: Uint8Array
  readonly describedNs: bigint
}

/**
 * Reads what a folder says of its machine; `undefined` when it holds neither images nor a `machine.json`. Opens no image.
 *
 * @throws BackupError `E_SOURCE_INVALID`, `E_SOURCE_UNAVAILABLE`
 */
export async function readMachineFolder(
  rules: FolderRules,
  earlier?: FolderMachine,
): Promise<FolderMachine | undefined> {
  const { folder } = rules
  const names = (await listEntries(folder)).map((entry) => entry.name)
  const file = names.includes(descriptionName) ? await readDescription(rules) : undefined
  const description = describe(folder, file?.source, earlier)
  if (file === undefined && imageNames(names).length === 0) return undefined
  const { labels, disks } = description
  const name = parse(folder).base
  const id = description.id ?? parseName<MachineId>(machineIdSchema, name, `the folder ${folder}`)
  return {
    ref: { id, name: description.name ?? name, ...(labels !== undefined && { labels }) },
    description,
    disks: disks === undefined ? { by: 'folder', names } : { by: 'description', disks },
    ...file,
  }
}

function describe(
  folder: string,
  source: Uint8Array | undefined,
  earlier: FolderMachine | undefined,
): MachineDescription {
  if (source === undefined) return {}
  if (earlier?.source !== undefined && Buffer.compare(earlier.source, source) === 0) return earlier.description
  return parseMachineDescription(source, join(folder, descriptionName))
}

/** Lists a machine's folder by name. @throws BackupError `E_SOURCE_UNAVAILABLE` */
export async function listEntries(folder: string): Promise<readonly Dirent[]> {
  try {
    return (await readdir(folder, { withFileTypes: true })).toSorted((a, b) => (a.name < b.name ? -1 : 1))
  } catch (cause) {
    throw sourceError(
      'E_SOURCE_UNAVAILABLE',
      `The machine folder ${folder} cannot be read: ${pathProblem(cause) ?? String(cause)}.`,
      {
        operation: 'source.prepare',
        context: { folder },
        hint: 'Check that the folder is mounted and that this user may read it.',
        cause,
      },
    )
  }
}

/** Reads `machine.json` whole, and not one byte more than it may have. */
async function readDescription({ folder, followSymlinks }: FolderRules): Promise<DescriptionFile> {
  const path = join(folder, descriptionName)
  const opened = await openFile(path, followSymlinks ? undefined : [folder])
  if (opened.kind !== 'open') throw invalidDescription(path, `cannot be used: ${opened.reason}`)
  const { handle } = opened
  try {
    const { size: sizeBytes, mtimeNs: describedNs } = await handle.stat({ bigint: true })
    const size = Number(sizeBytes)
    if (size > maxDescriptionBytes) {
      throw invalidDescription(path, `is too large: ${size} bytes, at most ${maxDescriptionBytes} are read`)
    }
    return { source: await readStart(handle, size), describedNs }
  } finally {
    await handle.close()
  }
}

function invalidDescription(path: string, problem: string): Error {
  return sourceError('E_SOURCE_INVALID', `${path} ${problem}.`, {
    operation: 'source.prepare',
    context: { file: path },
    hint: 'Correct the file, or remove it: without it, every image of the folder is a disk.',
  })
}
