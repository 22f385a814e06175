import type { DiskId } from '@holdfast/core'
import { printable } from '../printable.js'
import type { OpenDisks } from './open-at-rest.js'

/**
 * Finds disks of one machine whose descriptions lead to one and the same file, each with the reason why neither can be had.
 *
 * `[fast] web/data.vmdk` and `[slow] web/data.vmdk` both mean `data.vmdk` here: of which of the two it is cannot be told.
 */
export function sharedImages(opened: OpenDisks): ReadonlyMap<DiskId, string> {
  const byPlace = new Map<string, DiskId[]>()
  for (const [id, found] of opened) {
    const [file] = found.kind === 'open' && found.disk.at?.kind === 'named' ? found.content.files : []
    if (file !== undefined) byPlace.set(file.place, [...(byPlace.get(file.place) ?? []), id])
  }
  const several = [...byPlace.values()].filter((ids) => ids.length > 1)
  return new Map(
    several.flatMap((ids) => {
      const names = ids.map((id) => printable(id, 80)).join(', ')
      return ids.map((id) => [id, `disks ${names} all lead to the same file here; list them in machine.json`] as const)
    }),
  )
}
