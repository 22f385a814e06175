import { inBootOrder, type RestoredDisk } from '../attach-disks.js'
import type { VmwareAttachment } from '../vmware/vmware-attachments.js'
import type { VmwareBus } from '../vmware/vmware-bus.js'
import { element, type XmlElement } from '../xml/element.js'

/** What the items of a machine are made of. */
export interface HardwareParts {
  readonly cpus: number
  readonly memoryBytes: number
  readonly attachments: readonly VmwareAttachment[]
  readonly diskId: (disk: RestoredDisk) => string
  readonly nics: readonly { readonly model: string; readonly network: string; readonly macAddress?: string }[]
}

const mebibyte = 1024 * 1024
const controllerTypes: Record<VmwareBus, number> = { ide: 5, scsi: 6, sata: 20, nvme: 20 }
const scsiModels: Readonly<Record<string, string>> = {
  pvscsi: 'VirtualSCSI',
  lsisas1068: 'lsilogicsas',
  lsilogic: 'lsilogic',
  buslogic: 'buslogic',
}

/** Writes one Item a device; `itemOf` tells the instance id of a disk's item. */
export function hardwareItems(parts: HardwareParts): {
  readonly items: readonly XmlElement[]
  readonly itemOf: ReadonlyMap<RestoredDisk, string>
} {
  const items: XmlElement[] = []
  const itemOf = new Map<RestoredDisk, string>()
  const controllers = new Map<string, string>()
  const add = (fields: Readonly<Record<string, string | number | undefined>>): string => {
    const id = String(items.length + 1)
    items.push(item({ ...fields, InstanceID: id }))
    return id
  }
  add({ AllocationUnits: 'hertz * 10^6', ElementName: 'CPU', ResourceType: 3, VirtualQuantity: parts.cpus })
  const isWhole = parts.memoryBytes % mebibyte === 0
  add({
    AllocationUnits: isWhole ? 'byte * 2^20' : 'byte',
    ElementName: 'Memory',
    ResourceType: 4,
    VirtualQuantity: isWhole ? parts.memoryBytes / mebibyte : parts.memoryBytes,
  })
  for (const { controller, bus, model } of parts.attachments) {
    if (controllers.has(controller)) continue
    const address = controller.slice(bus.length)
    const ResourceSubType = subType(bus, model)
    controllers.set(
      controller,
      add({ Address: address, ElementName: controller, ResourceSubType, ResourceType: controllerTypes[bus] }),
    )
  }
  for (const { controller, slot, disk } of parts.attachments) {
    const id = add({
      AddressOnParent: slot,
      ElementName: `Disk ${itemOf.size + 1}`,
      HostResource: `ovf:/disk/${parts.diskId(disk)}`,
      Parent: controllers.get(controller),
      ResourceType: 17,
    })
    itemOf.set(disk, id)
  }
  for (const { network, model, macAddress } of parts.nics) {
    add({
      Address: macAddress,
      AutomaticAllocation: 'true',
      Connection: network,
      ElementName: 'Network card',
      ResourceSubType: model,
      ResourceType: 10,
    })
  }
  return { items, itemOf }
}

/** VMware's section of boot devices, when the machine states an order. */
export function bootOrderElements(
  disks: readonly RestoredDisk[],
  itemOf: ReadonlyMap<RestoredDisk, string>,
): readonly XmlElement[] {
  return inBootOrder(disks.filter(({ spec }) => spec.bootOrder !== undefined)).map((disk) =>
    element(
      'vmw:BootOrderSection',
      { 'ovf:required': 'false', 'vmw:instanceId': itemOf.get(disk), 'vmw:type': 'disk' },
      [element('Info', {}, 'Boot device')],
    ),
  )
}

// The schema wants the fields of an item in the order of the alphabet.
function item(fields: Readonly<Record<string, string | number | undefined>>): XmlElement {
  const children = Object.entries(fields)
    .toSorted(([a], [b]) => (a < b ? -1 : 1))
    .flatMap(([name, value]) => (value === undefined ? [] : [element(`rasd:${name}`, {}, String(value))]))
  return element('Item', {}, children)
}

function subType(bus: VmwareBus, model: string | undefined): string {
  if (bus === 'ide') return 'PIIX4'
  if (bus === 'sata') return 'vmware.sata.ahci'
  if (bus === 'nvme') return 'vmware.nvme.controller'
  return scsiModels[model ?? ''] ?? 'lsilogic'
}
