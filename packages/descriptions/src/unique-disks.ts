import type { DescribedDisk } from './described-machine.js'
import { type DescriptionFormat, invalidDescription } from './errors.js'
import { limits } from './limits.js'

/** Refuses disks that cannot be told apart, and too many of them. @throws BackupError `E_SOURCE_INVALID` */
export function uniqueDisks(disks: readonly DescribedDisk[], format: DescriptionFormat): readonly DescribedDisk[] {
  if (disks.length > limits.devices) {
    throw invalidDescription(format, `it has more than ${limits.devices} disks`, {}, 'Give a description of a machine.')
  }
  const seen = new Set<string>()
  for (const { id } of disks) {
    if (seen.has(id)) {
      throw invalidDescription(
        format,
        'two disks have the same name',
        { element: id },
        'Give each disk a name of its own.',
      )
    }
    seen.add(id)
  }
  return disks
}
