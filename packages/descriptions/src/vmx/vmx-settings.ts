import { inBootOrder, type RestoredDisk } from '../attach-disks.js'
import { cannotDescribe } from '../errors.js'
import type { Mapped, MappedNic } from '../guest-values.js'
import { printable } from '../printable.js'
import { vmwareAttachments } from '../vmware/vmware-attachments.js'
import type { VmwareBus } from '../vmware/vmware-bus.js'
import type { VmwareDiskBus } from '../vmware/vmware-disk-bus.js'
import type { Mapping } from '../written-description.js'

/** Keys and values, in the order of the file. */
export type VmxSettings = readonly (readonly [key: string, value: string])[]

// VMware writes SATA and NVMe disks without a type, and readers do not take them for disks with one.
const deviceTypes: Partial<Record<VmwareBus, string>> = { scsi: 'scsi-hardDisk', ide: 'ata-hardDisk' }

/** Settings that attach disks at places that are free. */
export function diskSettings(
  disks: readonly RestoredDisk[],
  wanted: VmwareDiskBus | 'keep',
  taken: ReadonlySet<string> = new Set(),
): Mapped<VmxSettings> {
  for (const disk of disks) refuseOtherFormats(disk)
  const { value, report } = vmwareAttachments(disks, wanted, 'vmx', taken)
  const controllers = new Map<string, VmxSettings>()
  for (const { controller, model } of value) {
    const key = `${controller}.virtualDev`
    controllers.set(controller, [
      [`${controller}.present`, 'TRUE'],
      ...(model === undefined ? [] : [[key, model] as const]),
    ])
  }
  const names = new Map(value.map(({ disk, name }) => [disk, name]))
  const ordered = inBootOrder(disks.filter(({ spec }) => spec.bootOrder !== undefined))
  const hddOrder = ordered.flatMap((disk) => names.get(disk) ?? []).join(',')
  return {
    value: [
      ...[...controllers.values()].flat(),
      ...value.flatMap(({ name, bus, disk }) => [
        [`${name}.present`, 'TRUE'] as const,
        ...deviceType(bus, name),
        [`${name}.fileName`, disk.place.file] as const,
      ]),
      ...(hddOrder === '' ? [] : [['bios.hddOrder', hddOrder] as const]),
    ],
    report: [...report, ...value.flatMap(({ name, disk }) => renamed(disk, name))],
  }
}

function deviceType(bus: VmwareBus, name: string): VmxSettings {
  const type = deviceTypes[bus]
  return type === undefined ? [] : [[`${name}.deviceType`, type]]
}

function renamed({ spec }: RestoredDisk, name: string): readonly Mapping[] {
  if (name === spec.id) return []
  return [{ what: `name of disk ${spec.id}`, from: spec.id, to: name, why: 'VMware names disks by their place.' }]
}

/** VMware attaches VMDK only. @throws BackupError `E_PLACEMENT` */
export function refuseOtherFormats({ spec, place }: RestoredDisk): void {
  if (place.imageFormat === 'vmdk') return
  const problem = `the image of disk ${printable(spec.id)} is ${place.imageFormat}, and VMware attaches VMDK only`
  throw cannotDescribe('vmx', problem, 'Restore the disks as VMDK.')
}

/** Settings of network cards, numbered from 0. */
export function nicSettings(nics: readonly MappedNic[]): VmxSettings {
  return nics.flatMap((nic, number) => {
    const key = (setting: string) => `ethernet${number}.${setting}`
    return [
      [key('present'), 'TRUE'],
      [key('virtualDev'), nic.model],
      ...networkSettings(nic.network ?? 'bridged', key),
      ...(nic.macAddress === undefined
        ? [[key('addressType'), 'generated'] as const]
        : ([
            [key('addressType'), 'static'],
            [key('address'), nic.macAddress],
            // A MAC address from elsewhere is outside VMware's own range.
            [key('checkMACAddress'), 'FALSE'],
          ] as const)),
    ] as const
  })
}

function networkSettings(network: string, key: (setting: string) => string): VmxSettings {
  if (['bridged', 'nat', 'hostonly'].includes(network)) return [[key('connectionType'), network]]
  return [
    [key('connectionType'), 'bridged'],
    [key('networkName'), network],
  ]
}
