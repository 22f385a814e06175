import type { DiskSpec, Machine } from '@holdfast/core'
import { cannotDescribe, type DescriptionFormat } from './errors.js'
import { limits } from './limits.js'
import { printable } from './printable.js'
import type { PlacedDisk } from './written-description.js'

/** A disk of the machine together with the place of its image. */
export interface RestoredDisk {
  readonly spec: DiskSpec
  readonly place: PlacedDisk
}

/**
 * Joins the disks of a machine with the places of their images, in the machine's order.
 *
 * @throws BackupError `E_PLACEMENT` when they are not the same disks, or a path cannot be written
 */
export function attachDisks(
  machine: Machine,
  places: readonly PlacedDisk[],
  format: DescriptionFormat,
): readonly RestoredDisk[] {
  const byId = new Map(places.map((place) => [place.id, place]))
  const refuse = (problem: string) =>
    cannotDescribe(format, problem, 'Give exactly one image for each disk of the machine, by the id of the disk.')
  if (machine.disks.length > limits.devices) throw refuse(`the machine has more than ${limits.devices} disks`)
  if (new Set(machine.disks.map(({ id }) => id)).size < machine.disks.length) throw refuse('two disks have the same id')
  if (byId.size < places.length) throw refuse('two images are for the same disk')
  const stray = places.find(({ id }) => !machine.disks.some((disk) => disk.id === id))
  if (stray !== undefined) throw refuse(`the machine has no disk ${printable(stray.id)}`)
  return machine.disks.map((spec) => {
    const place = byId.get(spec.id)
    if (place === undefined) throw refuse(`there is no image for disk ${printable(spec.id)}`)
    if (
      place.file === '' ||
      place.file !== place.file.toWellFormed() ||
      /[\p{Cc}\ufffe\uffff\u2028\u2029]/u.test(place.file)
    ) {
      throw refuse(`the path of disk ${printable(spec.id)} is empty or holds control characters`)
    }
    return { spec, place }
  })
}

/** The disks in the order in which the machine tries to boot from them; those without an order follow as listed. */
export function inBootOrder(disks: readonly RestoredDisk[]): readonly RestoredDisk[] {
  const order = ({ spec }: RestoredDisk) => spec.bootOrder ?? Number.MAX_SAFE_INTEGER
  return disks.toSorted((a, b) => order(a) - order(b))
}
