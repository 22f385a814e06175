import type { RestoredDisk } from '../attach-disks.js'
import type { Mapped } from '../guest-values.js'
import type { VmwareBus } from './vmware-bus.js'

/** Controllers that VMware has for disks. */
export type VmwareDiskBus = 'sata' | 'ide' | 'nvme' | 'pvscsi' | 'lsilogic' | 'lsisas1068' | 'buslogic'

/** The bus of a disk, with the model of its controller where the bus has several. */
export interface VmwareController {
  readonly bus: VmwareBus
  readonly model?: string
}

const scsiModels = new Set(['pvscsi', 'lsilogic', 'lsisas1068', 'buslogic'])
const modelNames: Readonly<Record<string, string>> = { virtualscsi: 'pvscsi', lsilogicsas: 'lsisas1068' }

/**
 * Chooses what a disk is attached to.
 *
 * SATA, IDE and NVMe stay what they are, and SCSI when the model of its controller is known and VMware has it. All else goes to
 * SATA: AHCI needs no driver that a guest of the last fifteen years would lack, while pvscsi is in no Windows and in no
 * initramfs that was built for another machine.
 */
export function vmwareController(
  { spec, place }: RestoredDisk,
  wanted: VmwareDiskBus | 'keep',
): Mapped<VmwareController> {
  const attachment = wanted === 'keep' ? kept(spec.bus, place.controllerModel) : asked(wanted)
  const from = spec.bus ?? 'unknown'
  const to = attachment.model ?? attachment.bus
  if (wanted === 'keep' ? attachment.bus === spec.bus : from === to) return { value: attachment, report: [] }
  const why =
    wanted === 'keep'
      ? 'VMware has no such controller, or nobody knows its model. AHCI works in most guests; Windows may need one start in safe mode, Linux an initramfs with ahci.'
      : 'Asked for by the option diskBus.'
  return { value: attachment, report: [{ what: `bus of disk ${spec.id}`, from, to, why }] }
}

function kept(bus: RestoredDisk['spec']['bus'], controllerModel = ''): VmwareController {
  if (bus === 'sata' || bus === 'ide' || bus === 'nvme') return { bus }
  const stated = controllerModel.toLowerCase()
  const model = Object.hasOwn(modelNames, stated) ? modelNames[stated] : stated
  return bus === 'scsi' && model !== undefined && scsiModels.has(model) ? { bus, model } : { bus: 'sata' }
}

function asked(wanted: VmwareDiskBus): VmwareController {
  return wanted === 'sata' || wanted === 'ide' || wanted === 'nvme' ? { bus: wanted } : { bus: 'scsi', model: wanted }
}
