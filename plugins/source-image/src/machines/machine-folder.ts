import { readdir } from 'node:fs/promises'
import { join, parse } from 'node:path'
import type { MachineId, MachineRef } from '@holdfast/core'
import { pathProblem, sourceError } from '../errors.js'
import type { FolderRules } from '../files/folder-rules.js'
import { imageNames } from '../files/image-names.js'
import { openRegularFile } from '../files/regular-file.js'
import {
  type DiskDescription,
  type MachineDescription,
  machineIdSchema,
  parseMachineDescription,
  parseName,
} from './machine-description.js'

/** Largest `machine.json` that is read, in bytes. */
const maxDescriptionBytes = 8 * 2 ** 20

const descriptionName = 'machine.json'

/** A machine as its folder describes it, before any disk is opened. */
export interface FolderMachine {
  readonly ref: MachineRef
  readonly description: MachineDescription
  readonly disks: DiskListing
  /** The text of `machine.json`, to see whether it changed; absent without such a file. */
  readonly source?: Uint8Array
  /** When `machine.json` was last written, in ns since 1970. */
  readonly describedNs?: bigint
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
  const names = await listNames(folder)
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

async function listNames(folder: string): Promise<readonly string[]> {
  try {
    return (await readdir(folder)).toSorted()
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
  const opened = await openRegularFile(path, followSymlinks ? undefined : [folder])
  if (opened.kind !== 'open') throw invalidDescription(path, `cannot be used: ${opened.reason}`)
  const { handle } = opened
  try {
    const { size: sizeBytes, mtimeNs: describedNs } = await handle.stat({ bigint: true })
    const size = Number(sizeBytes)
    if (size > maxDescriptionBytes) {
      throw invalidDescription(path, `is too large: ${size} bytes, at most ${maxDescriptionBytes} are read`)
    }
    const text = new Uint8Array(size)
    let filled = 0
    while (filled < size) {
      const { bytesRead } = await handle.read(text, filled, size - filled, filled)
      if (bytesRead === 0) break
      filled += bytesRead
    }
    return { source: text.subarray(0, filled), describedNs }
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
