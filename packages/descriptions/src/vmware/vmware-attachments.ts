import type { RestoredDisk } from '../attach-disks.js'
import type { DescriptionFormat } from '../errors.js'
import type { Mapped } from '../guest-values.js'
import type { Mapping } from '../written-description.js'
import type { VmwareBus } from './vmware-bus.js'
import { type VmwareDiskBus, vmwareController } from './vmware-disk-bus.js'
import { hasFreeSlot, nextSlot, type VmwareSlot } from './vmware-slots.js'

/** A disk and the place that it gets. */
export interface VmwareAttachment extends VmwareSlot {
  readonly disk: RestoredDisk
  readonly bus: VmwareBus
  /** Model of the SCSI controller. */
  readonly model?: string
}

/** Gives each disk a place that is free; `taken` are places that stay as they are. @throws BackupError `E_PLACEMENT` */
export function vmwareAttachments(
  disks: readonly RestoredDisk[],
  wanted: VmwareDiskBus | 'keep',
  format: DescriptionFormat,
  taken: ReadonlySet<string> = new Set(),
): Mapped<readonly VmwareAttachment[]> {
  const used = new Set(taken)
  const models = new Map<string, string | undefined>()
  for (const name of taken) models.set(name.slice(0, name.indexOf(':')), undefined)
  const report: Mapping[] = []
  const value = disks.map((disk): VmwareAttachment => {
    const chosen = vmwareController(disk, wanted)
    report.push(...chosen.report)
    const isFull = chosen.value.bus === 'ide' && !hasFreeSlot('ide', used)
    if (isFull)
      report.push({ what: `bus of disk ${disk.spec.id}`, from: 'ide', to: 'sata', why: 'IDE has four places.' })
    const { bus, model } = isFull ? { bus: 'sata' as const } : chosen.value
    const slot = slotFor(bus, model, used, models, format)
    used.add(slot.name)
    models.set(slot.controller, model)
    return { ...slot, disk, bus, ...(model !== undefined && { model }) }
  })
  return { value, report }
}

// Disks that want different models of SCSI controllers cannot share one, nor one whose model is not ours to say.
function slotFor(
  bus: VmwareBus,
  model: string | undefined,
  used: ReadonlySet<string>,
  models: ReadonlyMap<string, string | undefined>,
  format: DescriptionFormat,
): VmwareSlot {
  const skipped = new Set(used)
  for (;;) {
    const slot = nextSlot(bus, skipped, format)
    if (bus !== 'scsi' || !models.has(slot.controller) || models.get(slot.controller) === model) return slot
    skipped.add(slot.name)
  }
}
