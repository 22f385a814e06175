import type { Dirent } from 'node:fs'
import { readdir, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { isBackupError, type Logger, type MachineId, type MachineRef } from '@holdfast/core'
import { pathProblem, sourceError, systemCode } from '../errors.js'
import type { FolderRules } from '../files/folder-rules.js'
import { readMachineFolder } from './machine-folder.js'

/** A sub-folder that is a machine. */
export interface ScannedMachine {
  readonly folder: string
  readonly ref: MachineRef
  /** The folder's description is unusable; `ref` is then made of the folder's name and preparing it tells why. */
  readonly broken: boolean
}

/** Where machines lie, and what holds for all of them. */
export interface ScanRules extends Omit<FolderRules, 'folder'> {
  /** Absolute path of the folder that holds the machines. */
  readonly root: string
}

/**
 * Finds the machines below `root`. One that is broken does not hide the others.
 *
 * @throws BackupError `E_SOURCE_UNAVAILABLE`, `E_SOURCE_DENIED` when `root` itself cannot be read
 */
export async function scanMachines(
  { root, ...rules }: ScanRules,
  logger: Logger,
  signal: AbortSignal,
): Promise<readonly ScannedMachine[]> {
  const machines: ScannedMachine[] = []
  for (const entry of await listRoot(root)) {
    signal.throwIfAborted()
    if (!(await isMachineFolder(root, entry, rules.followSymlinks, logger))) continue
    const scanned = await scanFolder({ ...rules, folder: join(root, entry.name) }, entry.name, logger)
    if (scanned !== undefined) machines.push(scanned)
  }
  return machines
}

async function scanFolder(rules: FolderRules, name: string, logger: Logger): Promise<ScannedMachine | undefined> {
  const { folder } = rules
  try {
    const machine = await readMachineFolder(rules)
    if (machine !== undefined) return { folder, ref: machine.ref, broken: false }
    logger.debug('folder holds neither images nor machine.json: not a machine', { folder })
    return undefined
  } catch (error) {
    if (!isBackupError(error)) throw error
    // Listed all the same, so that its failure is reported as that machine's when it is prepared.
    logger.warn(error.message, { folder })
    return { folder, ref: { id: name as MachineId, name }, broken: true }
  }
}

async function isMachineFolder(root: string, entry: Dirent, followSymlinks: boolean, logger: Logger): Promise<boolean> {
  if (entry.name.startsWith('.')) return false
  if (!entry.isSymbolicLink()) return entry.isDirectory()
  const folder = join(root, entry.name)
  if (!followSymlinks) {
    logger.warn('linked machine folder left out: followSymlinks is off', { folder })
    return false
  }
  try {
    return (await stat(folder)).isDirectory()
  } catch (error) {
    // A link to a folder that is not mounted: a machine that fails, not one that vanished.
    if (systemCode(error) !== undefined) return true
    throw error
  }
}

async function listRoot(root: string): Promise<readonly Dirent[]> {
  try {
    const entries = await readdir(root, { withFileTypes: true })
    return entries.toSorted((a, b) => (a.name < b.name ? -1 : 1))
  } catch (cause) {
    const code = systemCode(cause)
    const denied = code === 'EACCES' || code === 'EPERM'
    const problem = code === 'ENOENT' ? 'there is no such folder' : (pathProblem(cause) ?? String(cause))
    throw sourceError(
      denied ? 'E_SOURCE_DENIED' : 'E_SOURCE_UNAVAILABLE',
      `The folder of machines ${root} cannot be read: ${problem}.`,
      {
        operation: 'source.discover',
        context: { folder: root },
        hint: "Check option path (relative paths start from the config file's folder), mounts and permissions.",
        cause,
      },
    )
  }
}
