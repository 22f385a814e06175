import { readdir, readFile, stat } from 'node:fs/promises'
import { join } from 'node:path'
import type { DescribedMachine } from '@holdfast/descriptions'
import { sourceError } from '../errors.js'
import { folderError } from './monitor-sockets.js'

/** Far more than a domain needs. */
const maxDefinitionBytes = 4 * 2 ** 20

/** Names the machines that have a definition, in order. @throws BackupError `E_SOURCE_UNAVAILABLE`, `E_SOURCE_DENIED` */
export async function definedMachines(folder: string | undefined): Promise<readonly string[]> {
  if (folder === undefined) return []
  const entries = await readdir(folder, { withFileTypes: true }).catch((cause: unknown) => {
    throw folderError(folder, cause)
  })
  return entries
    .filter((entry) => entry.name.endsWith('.xml') && entry.name.length > 4 && !entry.isDirectory())
    .map(({ name }) => name.slice(0, -4))
    .sort()
}

/** Reads a machine's definition; undefined when it has none. @throws BackupError `E_SOURCE_INVALID`, `E_SOURCE_DENIED` */
export async function readDefinition(
  folder: string | undefined,
  machine: string,
): Promise<DescribedMachine | undefined> {
  if (folder === undefined) return undefined
  const path = join(folder, `${machine}.xml`)
  const found = await stat(path).catch((error: unknown) => missing(error, path))
  if (found === undefined) return undefined
  if (!found.isFile() || found.size > maxDefinitionBytes)
    throw sourceError('E_SOURCE_INVALID', `${path} is not the XML of a machine.`, { context: { file: path } })
  const text = await readFile(path).catch((error: unknown) => missing(error, path))
  if (text === undefined) return undefined
  // Loaded when there is something to read: the XML parser is not needed before.
  const { readLibvirt } = await import('@holdfast/descriptions/libvirt')
  return readLibvirt(text, { name: machine })
}

function missing(error: unknown, path: string): undefined {
  const code: unknown = typeof error === 'object' && error !== null && 'code' in error ? error.code : undefined
  if (code === 'ENOENT') return undefined
  throw sourceError('E_SOURCE_DENIED', `${path} cannot be read${typeof code === 'string' ? ` (${code})` : ''}.`, {
    context: { file: path },
    hint: 'Let the user that runs Holdfast read the definitions.',
    cause: error,
  })
}
