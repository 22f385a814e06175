import { mkdir, open, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { ImageFormat } from '@holdfast/formats'
import { seededBytes } from '@holdfast/testkit/images'
import { kib, mib, writeImage } from './images.js'

const sizeBytes = 3 * mib
const writtenBytes = 16 * kib

interface Disk {
  /** What a guest would read. */
  readonly bytes: Uint8Array
  top: string
}

/** Plays a hypervisor that keeps its machines as images of some format and takes snapshots; it knows every disk's bytes. */
export function imageWriter(root: string, format: ImageFormat, childEnding: string) {
  const disks = new Map<string, Disk>()
  let serial = 0
  const diskOf = (machine: string, disk: string) => {
    const found = disks.get(`${machine}/${disk}`)
    if (found === undefined) throw new Error(`no disk ${disk} of ${machine}`)
    return found
  }

  return {
    create: async (machine: string, ids: readonly string[]) => {
      await mkdir(join(root, machine), { recursive: true })
      for (const id of ids) {
        serial += 1
        const bytes = new Uint8Array(sizeBytes)
        const pieces = [0, mib, 2 * mib].map((at) => [at, seededBytes(writtenBytes, serial * 10 + at)] as const)
        for (const [at, piece] of pieces) bytes.set(piece, at)
        const top = await writeImage(join(root, machine, `${id}.${format}`), { format, sizeBytes, pieces })
        disks.set(`${machine}/${id}`, { bytes, top })
      }
    },
    bytes: (machine: string, disk: string) => diskOf(machine, disk).bytes.slice(),
    /** Path of the newest image of a disk. */
    top: (machine: string, disk: string) => diskOf(machine, disk).top,
    /** Overwrites a sector of the disk where the image keeps it. */
    overwrite: async (machine: string, id: string) => {
      serial += 1
      const disk = diskOf(machine, id)
      const file = await readFile(disk.top)
      const at = [0, mib, 2 * mib].find((start) => file.indexOf(disk.bytes.subarray(start, start + 512)) >= 0)
      if (at === undefined) throw new Error(`${disk.top} does not hold its data`)
      const place = file.indexOf(disk.bytes.subarray(at, at + 512))
      const sector = seededBytes(512, serial)
      await using handle = await open(disk.top, 'r+')
      await handle.write(sector, 0, 512, place)
      disk.bytes.set(sector, at)
    },
    /** Takes a snapshot of every disk of a machine, and writes to the new images. */
    snapshot: async (machine: string) => {
      for (const [name, disk] of disks) {
        if (!name.startsWith(`${machine}/`)) continue
        serial += 1
        const at = (serial * 64 * kib) % (sizeBytes - writtenBytes)
        const bytes = seededBytes(writtenBytes, serial)
        const child = join(root, `${name}-${serial}${childEnding}`)
        disk.top = await writeImage(child, { format, sizeBytes, pieces: [[at, bytes]], parent: disk.top })
        disk.bytes.set(bytes, at)
      }
    },
  }
}
