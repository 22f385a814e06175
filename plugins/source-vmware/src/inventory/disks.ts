import type { DiskId, DiskSpec } from '@holdfast/core'
import {
  flagAt,
  integerAt,
  type MoRef,
  membersOf,
  present,
  refAt,
  textAt,
  type XmlElement,
} from '@holdfast/protocol-vim'

/** A disk of a machine, as a configuration lists it. */
export interface VmwareDisk {
  /** Where it is attached, as a VMX writes it: `scsi0:1`. */
  readonly id: DiskId
  /** Key among the machine's devices. */
  readonly key: number
  readonly label: string
  readonly sizeBytes: number
  readonly bus: DiskSpec['bus']
  /** As leases name it: `VirtualLsiLogicController0:1`. */
  readonly leaseKey: string
  /** `[datastore] folder/file.vmdk`; undefined where no file of a datastore stands behind it. */
  readonly file: string | undefined
  readonly datastore: MoRef | undefined
  readonly changeId: string | undefined
  /** Why a snapshot does not hold it. */
  readonly problem: string | undefined
}

/** Buses by the ends of the names of their controllers. */
const buses = [
  ['IDEController', 'ide'],
  ['AHCIController', 'sata'],
  ['SATAController', 'sata'],
  ['NVMEController', 'nvme'],
  ['SCSIController', 'scsi'],
  ['LsiLogicController', 'scsi'],
  ['BusLogicController', 'scsi'],
  ['LsiLogicSASController', 'scsi'],
] as const

/** Finds the disks in `config.hardware.device`. @throws VimError `protocol` */
export function readDisks(devices: XmlElement | undefined): readonly VmwareDisk[] {
  const all = membersOf(devices, 'VirtualDevice')
  const controllers = new Map(all.map((device) => [integerAt(device, 'key'), device]))
  return all
    .filter(({ typeName }) => typeName === 'VirtualDisk')
    .map((device) => readDisk(device, controllers.get(integerAt(device, 'controllerKey'))))
}

function readDisk(device: XmlElement, controller: XmlElement | undefined): VmwareDisk {
  const key = present(integerAt(device, 'key'), 'the key of a disk')
  const kind = controller?.typeName ?? ''
  const bus = buses.find(([ending]) => kind.endsWith(ending))?.[1]
  const place = `${integerAt(controller, 'busNumber') ?? 0}:${integerAt(device, 'unitNumber') ?? 0}`
  const sizeBytes =
    integerAt(device, 'capacityInBytes') ?? present(integerAt(device, 'capacityInKB'), 'the size of a disk') * 1024
  const file = textAt(device, 'backing.fileName')
  return {
    id: `${bus ?? 'disk'}${place}` as DiskId,
    key,
    label: textAt(device, 'deviceInfo.label') ?? `disk ${key}`,
    sizeBytes,
    bus,
    leaseKey: `${kind}${place}`,
    file: file === '' ? undefined : file,
    datastore: refAt(device, 'backing.datastore'),
    changeId: textAt(device, 'backing.changeId') || undefined,
    problem: problemOf(device, controller),
  }
}

/** Snapshots leave these out (vSphere Web Services API, `VirtualDiskMode`; VDDK Programming Guide, "Virtual disk types"). */
function problemOf(device: XmlElement, controller: XmlElement | undefined): string | undefined {
  const backing = device.children.find(({ name }) => name === 'backing')
  const mode = textAt(backing, 'diskMode') ?? ''
  if (mode.startsWith('independent')) return `its mode is ${mode}: snapshots leave it out`
  if (textAt(backing, 'compatibilityMode') === 'physicalMode')
    return 'it is a raw device in physical compatibility mode: snapshots leave it out'
  const sharing = textAt(backing, 'sharing') ?? 'sharingNone'
  if (sharing !== 'sharingNone') return `it is shared with other machines (${sharing}): it cannot be in a snapshot`
  const sharedBus = textAt(controller, 'sharedBus') ?? 'noSharing'
  if (sharedBus !== 'noSharing')
    return `its controller is shared with other machines (${sharedBus}): it cannot be in a snapshot`
  if (textAt(backing, 'fileName') === undefined) return 'no file of a datastore stands behind it'
  if (flagAt(device, 'nativeUnmanagedLinkedClone') === true) return 'it is a linked clone of its storage'
  return undefined
}
