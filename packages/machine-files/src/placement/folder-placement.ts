import { mkdir, open, rename, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { BackupError, type DiskId, type Machine, type ProvisionedMachine, type WritableDisk } from '@holdfast/core'
import type { Mapping } from '@holdfast/descriptions'
import type { ImageFormat } from '@holdfast/formats'
import { refuseExisting } from '../files/refuse-existing.js'
import type { ImageKind } from '../images/image-kinds.js'
import { diskFileNames, safeFileName } from './file-names.js'
import { describeMachine } from './machine-descriptions.js'
import { createOverlayDisk, createPlacedDisk, type PlacedDisk } from './placed-disk.js'
import { placementFailure } from './placement-failure.js'

/** How the disks are stored. */
export interface FolderPlacementOptions {
  /** @defaultValue `raw` */
  readonly kind?: ImageKind
  /**
   * Disks whose content is elsewhere, by the NBD URIs of their exports: they become QCOW2 overlays, and the other disks QCOW2 too.
   *
   * @defaultValue none
   */
  readonly contents?: ReadonlyMap<DiskId, string>
}

/** The image of a disk of a placed machine. */
export interface PlacedImage {
  readonly id: DiskId
  readonly path: string
  readonly format: ImageFormat
}

const endings: Readonly<Record<ImageFormat, string>> = {
  raw: '.raw',
  vmdk: '.vmdk',
  vhd: '.vhd',
  vhdx: '.vhdx',
  qcow2: '.qcow2',
}

/** A machine that is being placed in a folder. */
export interface PlacedMachine extends ProvisionedMachine {
  /** What will not be as it was: buses, firmware, controllers, network cards that the hypervisor has otherwise or not. */
  readonly report: readonly Mapping[]
  /**
   * Completes the images where they are before the commit, and tells where, for whoever must read them there.
   *
   * Called: at most once, after every write resolved; no write may follow, the commit may.
   * @throws BackupError `E_PLACEMENT`
   */
  readonly complete: () => Promise<readonly PlacedImage[]>
}

/**
 * Places a machine as a folder of images: `<folder>/<machine>/<disk>.<format>`, with `machine.json` beside them, and a
 * description for the hypervisor whose format it is.
 *
 * Nothing existing is overwritten; until `commit` everything is under a temporary name.
 * @throws BackupError `E_PLACEMENT`, `E_UNSUPPORTED`
 */
export async function placeInFolder(
  folder: string,
  machine: Machine,
  disks: readonly { readonly id: DiskId; readonly sizeBytes: number }[],
  { kind: wanted = { format: 'raw' }, contents = new Map() }: FolderPlacementOptions = {},
): Promise<PlacedMachine> {
  const kind: ImageKind = contents.size > 0 && wanted.format !== 'qcow2' ? { format: 'qcow2' } : wanted
  const { format } = kind
  const name = safeFileName(machine.name)
  const location = join(folder, name)
  const unfinished = join(folder, `.${name}.restoring`)
  const fileNames = diskFileNames(disks, endings[format])
  const descriptions = await describeMachine(
    machine,
    disks.map(({ id }, i) => ({ id, file: fileNames[i] ?? '' })),
    format,
    location,
  )
  await placing(location, () => refuseExisting(location))
  await placing(folder, () => mkdir(folder, { recursive: true }))
  await placing(unfinished, () => rm(unfinished, { recursive: true, force: true }))
  await placing(unfinished, () => mkdir(unfinished, { mode: 0o700 }))
  const placed: PlacedDisk[] = []
  const writable: WritableDisk[] = []
  const report = [...descriptions.report]
  let committed = false
  let completed: Promise<void> | undefined
  const complete = () => {
    completed ??= placing(unfinished, async () => {
      for (const disk of placed) await disk.complete()
    })
    return completed
  }
  const dispose = async () => {
    for (const disk of placed.splice(0)) await disk.close()
    if (!committed) await rm(unfinished, { recursive: true, force: true })
  }
  try {
    for (const [i, { id, sizeBytes }] of disks.entries()) {
      const path = join(unfinished, fileNames[i] ?? '')
      const base = contents.get(id)
      const disk = await placing(path, () =>
        base === undefined ? createPlacedDisk(path, sizeBytes, kind) : createOverlayDisk(path, sizeBytes, base),
      )
      placed.push(disk)
      writable.push(writableDisk(id, sizeBytes, path, disk))
      if (disk.sizeBytes !== sizeBytes) report.push(sizeMapping(id, sizeBytes, disk.sizeBytes))
    }
  } catch (error) {
    await dispose()
    throw error
  }
  return {
    disks: writable,
    location,
    report,
    complete: async () => {
      await complete()
      return disks.map(({ id }, i) => ({ id, path: join(unfinished, fileNames[i] ?? ''), format }))
    },
    commit: () =>
      placing(location, async () => {
        await complete()
        for (const { name, text } of descriptions.files) await writeNew(join(unfinished, name), text)
        await refuseExisting(location)
        await rename(unfinished, location)
        committed = true
      }),
    [Symbol.asyncDispose]: dispose,
  }
}

function sizeMapping(id: DiskId, from: number, to: number): Mapping {
  const why = 'This format counts in whole sectors; the guest finds zeros in the rest of the last one.'
  return { what: `size of disk ${id}`, from: `${from} bytes`, to: `${to} bytes`, why }
}

function writableDisk(id: DiskId, sizeBytes: number, path: string, disk: PlacedDisk): WritableDisk {
  return {
    id,
    sizeBytes,
    write: async (offset, data, { signal }) => {
      signal.throwIfAborted()
      if (offset < 0 || offset + data.byteLength > sizeBytes)
        throw new BackupError('E_PLACEMENT', `A write would leave disk '${id}'.`)
      await placing(path, () => disk.write(offset, data))
    },
  }
}

async function writeNew(path: string, text: string): Promise<void> {
  await placing(path, async () => {
    await using file = await open(path, 'wx', 0o600)
    await file.writeFile(text)
    await file.sync()
  })
}

async function placing<T>(path: string, action: () => Promise<T>): Promise<T> {
  try {
    return await action()
  } catch (error) {
    throw placementFailure(error, path)
  }
}
