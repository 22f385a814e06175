import { Buffer } from 'node:buffer'
import { createHash } from 'node:crypto'
import { type FileHandle, mkdir, open, rename, rm } from 'node:fs/promises'
import { join } from 'node:path'
import type { CallOptions } from '../contract/context.js'
import { BackupError } from '../contract/errors.js'
import type { ProvisionedMachine, WritableDisk } from '../contract/source.js'
import { directWriter, openDirect, type PositionalWriter } from '../files/direct-file.js'
import type { Machine } from '../model/machine.js'

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
  const fileNames = fileNamesOf(disks)
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
    const direct = await openDirect(path, handle)
    if (direct !== undefined) handles.push(direct)
    writable.push(writableFile(disk.id as WritableDisk['id'], disk.sizeBytes, path, directWriter(handle, direct)))
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

/** Longest name that is made, in bytes: room for an ending and for what file systems that encrypt names add. */
const maxNameBytes = 140

/**
 * Makes a file name out of any text: what could leave the folder or upset a file system is percent-encoded.
 *
 * Names that are too long keep their start and get a digest of the whole.
 */
export function safeFileName(text: string): string {
  const encoded = text
    .replace(/[^\p{L}\p{N} ._()-]/gu, percentEncoded)
    .replace(/[. ]$/u, percentEncoded)
    .replace(/^[. ]/u, (first) => `_${first.trim()}`)
  const name = encoded === '' || /^(con|prn|aux|nul|com\d|lpt\d)(\.|$)/i.test(encoded) ? `_${encoded}` : encoded
  if (Buffer.byteLength(name) <= maxNameBytes) return name
  let start = name
  while (Buffer.byteLength(start) > maxNameBytes - 17) start = start.slice(0, -1)
  return `${start}~${createHash('sha256').update(text).digest('hex').slice(0, 16)}`
}

function percentEncoded(character: string): string {
  return [...new TextEncoder().encode(character)].map((byte) => `%${byte.toString(16).padStart(2, '0')}`).join('')
}

/** Gives each disk a file of its own, also where two ids make one name or differ in case alone. */
function fileNamesOf(disks: readonly { readonly id: string }[]): readonly string[] {
  const taken = new Set<string>()
  return disks.map(({ id }) => {
    const name = safeFileName(id)
    for (let number = 1; ; number++) {
      const candidate = number === 1 ? `${name}.raw` : `${name}~${number}.raw`
      if (taken.has(candidate.toLowerCase())) continue
      taken.add(candidate.toLowerCase())
      return candidate
    }
  })
}

function writableFile(id: WritableDisk['id'], sizeBytes: number, path: string, file: PositionalWriter): WritableDisk {
  return {
    id,
    sizeBytes,
    write: async (offset: number, data: Uint8Array, { signal }: CallOptions) => {
      signal.throwIfAborted()
      if (offset < 0 || offset + data.byteLength > sizeBytes)
        throw new BackupError('E_PLACEMENT', `A write would leave disk '${id}'.`)
      await placing(path, () => file.write(data, offset))
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
