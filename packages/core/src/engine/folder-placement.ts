import { type FileHandle, mkdir, open, rename, rm } from 'node:fs/promises'
import { join } from 'node:path'
import type { CallOptions } from '../contract/context.js'
import { BackupError } from '../contract/errors.js'
import type { ProvisionedMachine, WritableDisk } from '../contract/source.js'
import type { Machine } from '../model/machine.js'

/** Data is pushed to the disk in the background after this many bytes, so that the last sync is short. */
const syncEveryBytes = 256 * 2 ** 20

/**
 * Places a machine as a folder of raw images: `<folder>/<machine>/<disk>.raw`, sparse, with `machine.json` beside them.
 *
 * Nothing existing is overwritten; until `commit` everything is under a temporary name.
 * @throws BackupError `E_PLACEMENT`
 */
export async function placeInFolder(
  folder: string,
  machine: Machine,
  disks: readonly { readonly id: string; readonly sizeBytes: number }[],
): Promise<ProvisionedMachine> {
  const name = safeFileName(machine.name)
  const location = join(folder, name)
  const unfinished = join(folder, `.${name}.restoring`)
  const fileNames = disks.map((disk) => `${safeFileName(disk.id)}.raw`)
  if (new Set(fileNames).size !== fileNames.length)
    throw new BackupError('E_PLACEMENT', `Two disks of '${machine.name}' would have the same file name.`)
  await refuseExisting(location)
  await placing(folder, () => mkdir(folder, { recursive: true }))
  await placing(unfinished, () => rm(unfinished, { recursive: true, force: true }))
  await placing(unfinished, () => mkdir(unfinished, { mode: 0o700 }))
  const handles: FileHandle[] = []
  const writable: WritableDisk[] = []
  let committed = false
  for (const [i, disk] of disks.entries()) {
    const path = join(unfinished, fileNames[i] ?? '')
    const handle = await placing(path, () => open(path, 'wx', 0o600))
    handles.push(handle)
    await placing(path, () => handle.truncate(disk.sizeBytes))
    writable.push(writableFile(disk.id as WritableDisk['id'], disk.sizeBytes, path, handle))
  }
  return {
    disks: writable,
    location,
    commit: async () => {
      for (const handle of handles) await placing(unfinished, () => handle.sync())
      await writeDescription(join(unfinished, 'machine.json'), machine, disks, fileNames)
      await refuseExisting(location)
      await placing(location, () => rename(unfinished, location))
      committed = true
    },
    [Symbol.asyncDispose]: async () => {
      for (const handle of handles.splice(0)) await handle.close()
      if (!committed) await rm(unfinished, { recursive: true, force: true })
    },
  }
}

/** Makes a file name out of any text: what could leave the folder or upset a file system is percent-encoded. */
export function safeFileName(text: string): string {
  const encoded = text.replace(/[^\p{L}\p{N} ._()-]/gu, (character) =>
    [...new TextEncoder().encode(character)].map((byte) => `%${byte.toString(16).padStart(2, '0')}`).join(''),
  )
  const name = /^\.+$|^[.\s]|[\s]$/.test(encoded) || encoded === '' ? `_${encoded.trim()}` : encoded
  if (new TextEncoder().encode(name).length > 200) {
    throw new BackupError('E_PLACEMENT', `The name '${text.slice(0, 40)}…' is too long for a file.`, {
      hint: 'Restore it under another name with --name.',
    })
  }
  return name
}

function writableFile(id: WritableDisk['id'], sizeBytes: number, path: string, handle: FileHandle): WritableDisk {
  let unsynced = 0
  let syncing: Promise<void> | undefined
  return {
    id,
    sizeBytes,
    write: async (offset: number, data: Uint8Array, { signal }: CallOptions) => {
      signal.throwIfAborted()
      if (offset < 0 || offset + data.byteLength > sizeBytes)
        throw new BackupError('E_PLACEMENT', `A write would leave disk '${id}'.`)
      for (let done = 0; done < data.byteLength; ) {
        const { bytesWritten } = await placing(path, () =>
          handle.write(data, done, data.byteLength - done, offset + done),
        )
        done += bytesWritten
      }
      unsynced += data.byteLength
      if (unsynced >= syncEveryBytes && syncing === undefined) {
        unsynced = 0
        // Only a head start: commit() syncs everything again and reports what fails.
        syncing = handle.datasync().then(
          () => {
            syncing = undefined
          },
          () => {
            syncing = undefined
          },
        )
      }
    },
  }
}

/** Writes the machine in the form that the image source reads, so that a restored folder can be backed up again. */
async function writeDescription(
  path: string,
  machine: Machine,
  disks: readonly { readonly id: string }[],
  fileNames: readonly string[],
): Promise<void> {
  const specs = new Map<string, Machine['disks'][number]>(machine.disks.map((disk) => [disk.id, disk]))
  const { id, name, firmware, cpus, memoryBytes } = machine
  const description = {
    id,
    name,
    firmware,
    cpus,
    memoryBytes,
    disks: disks.map((disk, i) => {
      const spec = specs.get(disk.id)
      return { id: disk.id, file: fileNames[i], label: spec?.label, bus: spec?.bus, bootOrder: spec?.bootOrder }
    }),
  }
  await placing(path, async () => {
    await using file = await open(path, 'wx', 0o600)
    await file.writeFile(`${JSON.stringify(description, undefined, 2)}\n`)
    await file.sync()
  })
}

async function refuseExisting(location: string): Promise<void> {
  const exists = await open(location, 'r').then(
    (handle) => handle.close().then(() => true),
    (error: NodeJS.ErrnoException) => error.code !== 'ENOENT',
  )
  if (exists) {
    throw new BackupError('E_PLACEMENT', `${location} is already there; a restore overwrites nothing.`, {
      hint: 'Choose another folder, or move the old one away.',
    })
  }
}

async function placing<T>(path: string, action: () => Promise<T>): Promise<T> {
  try {
    return await action()
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code
    const full = code === 'ENOSPC' || code === 'EDQUOT'
    throw new BackupError(
      'E_PLACEMENT',
      `Cannot write ${path}: ${full ? 'the disk is full' : error instanceof Error ? error.message : String(error)}.`,
      {
        hint: full
          ? 'Make room or choose another folder; nothing half restored was left.'
          : 'Check the folder and its permissions.',
        cause: error,
      },
    )
  }
}
