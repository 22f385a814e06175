import { inBootOrder, type RestoredDisk } from '../attach-disks.js'
import { cannotDescribe } from '../errors.js'
import type { Mapped } from '../guest-values.js'
import { printable } from '../printable.js'
import type { Mapping } from '../written-description.js'

/** A disk and its place in a Hyper-V machine. */
export interface HypervDisk {
  readonly disk: RestoredDisk
  readonly controller: 'IDE' | 'SCSI'
  readonly controllerNumber: number
  readonly location: number
}

const scsiPlaces = 64
const scsiControllers = 4
// The DVD drive of a machine of generation 1 takes the fourth place.
const idePlaces = [
  [0, 0],
  [0, 1],
  [1, 1],
] as const

/**
 * Gives each disk a place. Generation 1 starts from IDE only, so its first disks go there; generation 2 has SCSI only.
 *
 * @throws BackupError `E_PLACEMENT` for an image that Hyper-V cannot attach, or too many disks
 */
export function hypervDisks(
  disks: readonly RestoredDisk[],
  generation: 1 | 2,
  idePreferred: boolean,
): Mapped<readonly HypervDisk[]> {
  for (const disk of disks) refuseImage(disk, generation)
  const report: Mapping[] = []
  const ide = generation === 2 ? 0 : idePreferred ? idePlaces.length : 1
  if (disks.length - ide > scsiPlaces * scsiControllers) {
    throw cannotDescribe(
      'hyperv-powershell',
      `the machine has ${disks.length} disks, more than Hyper-V takes`,
      'Leave disks out.',
    )
  }
  const value = inBootOrder(disks).map((disk, index): HypervDisk => {
    const place = index < ide ? idePlaces[index] : undefined
    const scsi = index - ide
    const controller = place === undefined ? 'SCSI' : 'IDE'
    const from = disk.spec.bus ?? 'unknown'
    if (from !== controller.toLowerCase() || controller === 'SCSI') {
      report.push({ what: `bus of disk ${disk.spec.id}`, from, to: `Hyper-V ${controller}`, why: reasons[controller] })
    }
    return {
      disk,
      controller,
      controllerNumber: place?.[0] ?? Math.floor(scsi / scsiPlaces),
      location: place?.[1] ?? scsi % scsiPlaces,
    }
  })
  return { value, report }
}

const reasons = {
  IDE: 'Generation 1 starts from IDE only; every guest has its driver.',
  SCSI: "Hyper-V's SCSI needs the driver storvsc: in Windows since 2008, in Linux when hv_storvsc is in the initramfs.",
}

function refuseImage({ spec, place }: RestoredDisk, generation: 1 | 2): void {
  const takes = generation === 2 ? ['vhdx'] : ['vhd', 'vhdx']
  const hasName = takes.some((extension) => place.file.toLowerCase().endsWith(`.${extension}`))
  if (takes.includes(place.imageFormat) && hasName) return
  const problem = `the image of disk ${printable(spec.id)} is ${place.imageFormat} in ${printable(place.file)}, and generation ${generation} attaches files named .${takes.join(' or .')} only`
  throw cannotDescribe('hyperv-powershell', problem, 'Restore the disks as VHDX.')
}
