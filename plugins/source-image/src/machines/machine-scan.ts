import type { Dirent } from 'node:fs'
import { join, parse } from 'node:path'
import { isBackupError, type Logger, type MachineId, type MachineRef } from '@holdfast/core'
import type { FolderRules } from '../files/folder-rules.js'
import { readDescribedMachines } from './described-machines.js'
import { mayDescribe } from './description-file.js'
import { descriptionName, type FolderMachine, listEntries, readMachineFolder } from './machine-folder.js'
import { isMachineFolder, listRoot } from './root-folder.js'

/** What a machine was found in. */
export interface MachineOrigin {
  readonly folder: string
  /** Name of the file there that describes it; absent for `machine.json`, and for images alone. */
  readonly file?: string
}

/** A machine that was found. */
export interface ScannedMachine {
  readonly origin: MachineOrigin
  readonly ref: MachineRef
  /** Its description is unusable; `ref` is then made of the name of folder or file, and preparing it tells why. */
  readonly broken: boolean
}

/** Where machines lie, and what holds for all of them. */
export interface ScanRules extends Omit<FolderRules, 'folder'> {
  /** Absolute path of the folder that holds the machines. */
  readonly root: string
}

/**
 * Finds the machines below `root`, and those that files in it describe. One that is broken does not hide the others.
 *
 * @throws BackupError `E_SOURCE_UNAVAILABLE`, `E_SOURCE_DENIED` when `root` itself cannot be read
 */
export async function scanMachines(
  { root, ...rules }: ScanRules,
  logger: Logger,
  signal: AbortSignal,
): Promise<readonly ScannedMachine[]> {
  const entries = await listRoot(root)
  const machines = [...(await scanDescriptions({ ...rules, folder: root }, entries, logger, signal))]
  for (const entry of entries) {
    signal.throwIfAborted()
    if (isDescription(entry) || !(await isMachineFolder(root, entry, rules.followSymlinks, logger))) continue
    machines.push(...(await scanFolder({ ...rules, folder: join(root, entry.name) }, logger, signal)))
  }
  return machines
}

/**
 * Reads again what a machine was found in.
 *
 * @throws BackupError `E_SOURCE_INVALID`, `E_SOURCE_UNAVAILABLE`
 */
export async function readOrigin(
  rules: FolderRules,
  { file }: MachineOrigin,
  earlier?: FolderMachine,
): Promise<readonly FolderMachine[]> {
  if (file !== undefined) return (await readDescribedMachines(rules, file)) ?? []
  const machine = await readMachineFolder(rules, earlier)
  return machine === undefined ? [] : [machine]
}

/** Finds the machines of a folder: by its `machine.json`, else by other descriptions, else by its images. */
async function scanFolder(rules: FolderRules, logger: Logger, signal: AbortSignal): Promise<readonly ScannedMachine[]> {
  const { folder } = rules
  const origin = { folder }
  const machines = await orBroken(origin, parse(folder).base, logger, async () => {
    const entries = await listEntries(folder)
    const isRecorded = entries.some(({ name }) => name === descriptionName)
    const described = isRecorded ? [] : await scanDescriptions(rules, entries, logger, signal)
    return described.length > 0 ? described : asScanned(origin, await readOrigin(rules, origin))
  })
  if (machines.length === 0) logger.debug('folder holds neither images nor a description: not a machine', { folder })
  return machines
}

/** Finds the machines that files of a folder describe. */
async function scanDescriptions(
  rules: FolderRules,
  entries: readonly Dirent[],
  logger: Logger,
  signal: AbortSignal,
): Promise<readonly ScannedMachine[]> {
  const machines: ScannedMachine[] = []
  for (const { name: file } of entries.filter(isDescription)) {
    signal.throwIfAborted()
    const origin = { folder: rules.folder, file }
    const found = await orBroken(origin, parse(file).name, logger, async () =>
      asScanned(origin, await readOrigin(rules, origin)),
    )
    if (found.length === 0) logger.debug('XML of something else: not a machine', { ...origin })
    machines.push(...found)
  }
  return machines
}

function isDescription(entry: Dirent): boolean {
  return !entry.isDirectory() && mayDescribe(entry.name)
}

function asScanned(origin: MachineOrigin, machines: readonly FolderMachine[]): readonly ScannedMachine[] {
  return machines.map(({ ref }) => ({ origin, ref, broken: false }))
}

async function orBroken(
  origin: MachineOrigin,
  name: string,
  logger: Logger,
  find: () => Promise<readonly ScannedMachine[]>,
): Promise<readonly ScannedMachine[]> {
  try {
    return await find()
  } catch (error) {
    if (!isBackupError(error)) throw error
    // Listed all the same, so that its failure is reported as that machine's when it is prepared.
    logger.warn(error.message, { ...origin })
    return [{ origin, ref: { id: name as MachineId, name }, broken: true }]
  }
}
