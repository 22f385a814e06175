import { usageError } from '../output.js'

/** Where in a recovery point: a disk, one of its volumes, a path in that. */
export interface GuestPlace {
  readonly disk: string
  /** Number of a partition. */
  readonly partition?: number
  readonly path?: string
}

/** Reads `vda`, `vda/2`, `vda:/etc` and `vda/2:/etc`, where `vda` is one of the disks. @throws BackupError `E_USAGE` */
export function guestPlace(text: string, disks: readonly string[]): GuestPlace {
  // The longest name first: one may begin another.
  for (const disk of [...disks].sort((a, b) => b.length - a.length)) {
    if (!text.startsWith(disk)) continue
    const [matched, partition, path] = /^(?:\/([1-9]\d{0,3}))?(?::([\s\S]*))?$/.exec(text.slice(disk.length)) ?? []
    if (matched === undefined) continue
    return {
      disk,
      ...(partition !== undefined && { partition: Number(partition) }),
      ...(path !== undefined && { path }),
    }
  }
  throw usageError(
    `'${text}' is no place in this point.`,
    `Write <disk>:<path> or <disk>/<partition>:<path>; its disks: ${disks.join(', ')}.`,
  )
}
