import { readdir } from 'node:fs/promises'
import { join, parse } from 'node:path'
import type { MachineId, MachineRef } from '@holdfast/core'
import { pathProblem, sourceError } from './errors.js'
import {
  type DiskDescription,
  diskIdSchema,
  type MachineDescription,
  machineIdSchema,
  parseMachineDescription,
  parseName,
} from './machine-description.js'
import { openRegularFile } from './regular-file.js'

/** Largest `machine.json` that is read, in bytes. */
const maxDescriptionBytes = 8 * 2 ** 20

const descriptionName = 'machine.json'

/** A machine as its folder describes it, before any disk is opened. */
export interface FolderMachine {
  readonly ref: MachineRef
  readonly description: MachineDescription
  readonly disks: readonly DiskDescription[]
  /** The text of `machine.json`, to see whether it changed; absent without such a file. */
  readonly source?: Uint8Array
  /** When `machine.json` was last written, in ns since 1970. */
  readonly describedNs?: bigint
}

interface DescriptionFile {
  readonly source: Uint8Array
  readonly describedNs: bigint
}

/**
 * Reads what a folder says of its machine; `undefined` when it holds neither disks nor a `machine.json`.
 *
 * @throws BackupError `E_SOURCE_INVALID`, `E_SOURCE_UNAVAILABLE`
 */
export async function readMachineFolder(
  folder: string,
  followSymlinks: boolean,
  earlier?: FolderMachine,
): Promise<FolderMachine | undefined> {
  const names = await listNames(folder)
  const file = names.includes(descriptionName) ? await readDescription(folder, followSymlinks) : undefined
  const description = describe(folder, file?.source, earlier)
  const disks = description.disks ?? imageFiles(names, folder)
  if (file === undefined && disks.length === 0) return undefined
  const name = parse(folder).base
  const id = description.id ?? parseName<MachineId>(machineIdSchema, name, `the folder ${folder}`)
  const { labels } = description
  return {
    ref: { id, name: description.name ?? name, ...(labels !== undefined && { labels }) },
    description,
    disks,
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
async function readDescription(folder: string, followSymlinks: boolean): Promise<DescriptionFile> {
  const opened = await openRegularFile(folder, descriptionName, followSymlinks)
  if (opened.kind === 'unavailable') throw invalidDescription(opened.path, `cannot be used: ${opened.reason}`)
  const { handle, path } = opened
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
    hint: 'Correct the file, or remove it: without it, every raw file of the folder is a disk.',
  })
}

/** Makes a disk of every raw file, its id the name without the ending. */
function imageFiles(names: readonly string[], folder: string): readonly DiskDescription[] {
  const disks = new Map<string, DiskDescription>()
  for (const file of names) {
    if (file.startsWith('.') || !/\.(raw|img)$/i.test(file)) continue
    const id = parseName(diskIdSchema, parse(file).name, `the image ${join(folder, file)}`)
    const other = disks.get(id)
    if (other !== undefined) {
      throw sourceError('E_SOURCE_INVALID', `${folder} holds ${other.file} and ${file}: both would be disk '${id}'.`, {
        operation: 'source.prepare',
        context: { folder, disk: id },
        hint: 'Rename one, or list the disks in machine.json.',
      })
    }
    disks.set(id, { id, file })
  }
  return [...disks.values()]
}
