import { createHash } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import { flagAt, integerAt, present, refAt, textAt } from '../wire/members.js'
import type { MoRef, VimObject, VimValue } from '../wire/vim-value.js'
import { fakeFault } from './fake-fault.js'
import type { FakeFiles } from './fake-files.js'
import type { FakeObjects } from './fake-objects.js'
import type { FakeMethods } from './property-collector.js'

/** A disk to be. */
export interface FakeDiskOptions {
  readonly sizeBytes: number
  /** Members of its backing beside the usual ones, such as a `diskMode`. */
  readonly backing?: VimObject
}

/** A machine to be. */
export interface FakeMachineOptions {
  readonly name: string
  readonly disks: readonly FakeDiskOptions[]
  /** Whether VMware Tools run: only then can it be quiesced. @defaultValue true */
  readonly hasTools?: boolean
  /** Properties beside the usual ones, by path: `config.template`. */
  readonly properties?: Readonly<Record<string, VimValue>>
}

/** A machine of a fake. */
export interface FakeMachine {
  readonly ref: MoRef
  readonly instanceUuid: string
  /** Contents of its disks now; to be changed in place, as its guest does. */
  readonly content: (disk: number) => Uint8Array
  /** Forgets what has changed, as a Storage vMotion does. */
  readonly resetTracking: () => void
  readonly snapshots: () => number
}

interface Disk {
  readonly key: number
  readonly file: string
  readonly options: FakeDiskOptions
  live: Uint8Array<ArrayBuffer>
  identity: string
  /** What it held, by change id. */
  readonly past: Map<string, Uint8Array>
}

interface Snapshot {
  readonly ref: MoRef
  readonly name: string
  readonly description: string
  readonly createTime: Date
  readonly frozen: readonly Uint8Array[]
  /** Files that it reads its disks from. */
  readonly files: readonly string[]
}

interface Held {
  readonly ref: MoRef
  readonly options: FakeMachineOptions
  readonly disks: readonly Disk[]
  isTracked: boolean
  moments: number
  snapshots: Snapshot[]
}

/** What machines need of their server. */
export interface FakeMachineSite {
  readonly objects: FakeObjects
  readonly files: FakeFiles
  readonly startTask: (work: () => VimValue | Promise<VimValue>) => MoRef
  /** Where machines lie. */
  readonly machineFolder: MoRef
}

const grainBytes = 65_536
const datastoreName = 'fast'

/**
 * Machines with disks in memory: snapshots, and changed block tracking as a host does it. A second snapshot's disks are whole files here, where a
 * host has deltas.
 */
export function fakeMachines({ objects, files, startTask, machineFolder }: FakeMachineSite) {
  const machines = new Map<string, Held>()
  const datastore = objects.add('Datastore', 'datastore', {
    name: datastoreName,
    summary: {
      _typeName: 'DatastoreSummary',
      name: datastoreName,
      capacity: 2 ** 40,
      freeSpace: 2 ** 39,
      accessible: true,
    },
  })
  const find = ({ value }: MoRef): Held => {
    const found = machines.get(value)
    if (found === undefined) throw fakeFault('ManagedObjectNotFound', 'The machine is gone.')
    return found
  }

  const add = (options: FakeMachineOptions): FakeMachine => {
    const instanceUuid = uuidOf(`instance ${options.name}`)
    const ref = objects.add('VirtualMachine', 'vm')
    const disks = options.disks.map(
      (disk, at): Disk => ({
        key: 2000 + at,
        file: `[${datastoreName}] ${options.name}/${options.name}${at === 0 ? '' : `_${at}`}.vmdk`,
        options: disk,
        live: new Uint8Array(disk.sizeBytes),
        identity: uuidOf(`${options.name} ${at}`),
        past: new Map(),
      }),
    )
    const held: Held = { ref, options, disks, isTracked: false, moments: 0, snapshots: [] }
    machines.set(ref.value, held)
    for (const disk of disks) writeDisk(files, disk.file, disk.live)
    const vmx = `[${datastoreName}] ${options.name}/${options.name}.vmx`
    files.set(vmx, Buffer.from(vmxOf(options, disks)))
    const all: Readonly<Record<string, VimValue>> = {
      name: options.name,
      parent: machineFolder,
      'config.instanceUuid': instanceUuid,
      'config.uuid': uuidOf(`bios ${options.name}`),
      'config.template': false,
      'config.files.vmPathName': vmx,
      'config.firmware': 'efi',
      'config.hardware.numCPU': 2,
      'config.hardware.memoryMB': 1024,
      'config.changeTrackingEnabled': false,
      'capability.changeTrackingSupported': true,
      'runtime.powerState': 'poweredOn',
      'runtime.consolidationNeeded': false,
      'guest.toolsRunningStatus': options.hasTools === false ? 'guestToolsNotRunning' : 'guestToolsRunning',
      ...options.properties,
    }
    for (const [path, value] of Object.entries(all)) objects.set(ref, path, value)
    tell(held)
    return {
      ref,
      instanceUuid,
      content: (disk) => present(held.disks[disk], 'the disk').live,
      resetTracking: () => {
        for (const disk of held.disks) {
          disk.identity = uuidOf(`${disk.identity} again`)
          disk.past.clear()
        }
      },
      snapshots: () => held.snapshots.length,
    }
  }

  /** Says in its properties what the machine is now. */
  const tell = (held: Held): void => {
    const { ref, disks, snapshots } = held
    const devices = [
      ...controllers,
      ...disks.map((disk) =>
        deviceOf(disk, snapshots.length === 0 ? disk.file : deltaOf(disk.file, snapshots.length), undefined),
      ),
    ]
    objects.set(ref, 'config.hardware.device', {
      _typeName: 'ArrayOfVirtualDevice',
      VirtualDevice: devices.map(stored),
    })
    objects.set(ref, 'snapshot', snapshots.length === 0 ? undefined : treeOf(ref, snapshots))
  }
  const stored = (device: VimObject): VimObject => {
    const backing = device['backing']
    return typeof backing === 'object' ? { ...device, backing: { ...(backing as VimObject), datastore } } : device
  }

  const create = (held: Held, name: string, description: string): MoRef => {
    const before = held.snapshots.length
    held.moments += 1
    const frozen = held.disks.map((disk) => {
      const file = before === 0 ? disk.file : deltaOf(disk.file, before)
      const content = disk.live
      disk.live = new Uint8Array(content)
      writeDisk(files, file, content)
      return content
    })
    const devices = held.disks.map((disk, at) => {
      const changeId = held.isTracked ? `${disk.identity}/${held.moments}` : undefined
      if (changeId !== undefined) disk.past.set(changeId, present(frozen[at], 'a disk'))
      return deviceOf(disk, before === 0 ? disk.file : deltaOf(disk.file, before), changeId)
    })
    const ref = objects.add('VirtualMachineSnapshot', 'snapshot', {
      vm: held.ref,
      config: {
        _typeName: 'VirtualMachineConfigInfo',
        hardware: {
          device: { _typeName: 'ArrayOfVirtualDevice', VirtualDevice: [...controllers, ...devices].map(stored) },
        },
      },
    })
    const snapshotFiles = held.disks.map(({ file }) => (before === 0 ? file : deltaOf(file, before)))
    held.snapshots = [
      ...held.snapshots,
      { ref, name, description, createTime: new Date(), frozen, files: snapshotFiles },
    ]
    tell(held)
    return ref
  }

  const remove = (held: Held, ref: MoRef): void => {
    const gone = held.snapshots.find((each) => each.ref.value === ref.value)
    if (gone === undefined) throw fakeFault('ManagedObjectNotFound', 'The snapshot is gone.')
    held.snapshots = held.snapshots.filter((each) => each !== gone)
    objects.remove(ref)
    if (held.snapshots.length === 0) for (const disk of held.disks) writeDisk(files, disk.file, disk.live)
    tell(held)
  }

  const ownerOf = (snapshot: MoRef): Held => {
    const owner = [...machines.values()].find(({ snapshots }) =>
      snapshots.some(({ ref }) => ref.value === snapshot.value),
    )
    if (owner === undefined) throw fakeFault('ManagedObjectNotFound', 'The snapshot is gone.')
    return owner
  }

  const methods: FakeMethods = {
    ReconfigVM_Task: ({ self, args }) =>
      startTask(() => {
        const held = find(self)
        const tracking = flagAt(args, 'spec.changeTrackingEnabled')
        if (tracking === undefined) return undefined
        if (held.snapshots.length > 0) throw fakeFault('InvalidState', 'The machine has snapshots.')
        held.isTracked = tracking
        objects.set(held.ref, 'config.changeTrackingEnabled', tracking)
        return undefined
      }),
    CreateSnapshot_Task: ({ self, args }) =>
      startTask(async () => {
        const held = find(self)
        if (flagAt(args, 'quiesce') === true && held.options.hasTools === false)
          throw fakeFault(
            'ToolsUnavailable',
            'Cannot complete operation because VMware Tools is not running in this virtual machine.',
          )
        await sleep(1)
        return create(held, textAt(args, 'name') ?? '', textAt(args, 'description') ?? '')
      }),
    RemoveSnapshot_Task: ({ self }) =>
      startTask(() => {
        remove(ownerOf(self), self)
        return undefined
      }),
    QueryChangedDiskAreas: ({ self, args }) => {
      const held = find(self)
      const snapshot = held.snapshots.find(({ ref }) => ref.value === refAt(args, 'snapshot')?.value)
      const at = held.disks.findIndex(({ key }) => key === integerAt(args, 'deviceKey'))
      const [disk, now] = [held.disks[at], snapshot?.frozen[at]]
      const changeId = textAt(args, 'changeId') ?? ''
      const before = changeId === '*' ? new Uint8Array(disk?.live.length ?? 0) : disk?.past.get(changeId)
      if (!held.isTracked || disk === undefined || now === undefined || before === undefined)
        throw fakeFault('FileFault', 'Error caused by file', { file: disk?.file ?? '' })
      return changedAreasOf(before, now, integerAt(args, 'startOffset') ?? 0)
    },
  }
  return { add, methods }
}

/** Answers for at most so much of a disk at a time, so that whoever asks must ask on. */
const pageBytes = 64 * grainBytes

function changedAreasOf(before: Uint8Array, now: Uint8Array, startOffset: number): VimObject {
  const end = Math.min(startOffset + pageBytes, now.length)
  const changedArea: VimObject[] = []
  for (let at = startOffset; at < end; at += grainBytes) {
    const to = Math.min(at + grainBytes, end)
    if (Buffer.compare(before.subarray(at, to), now.subarray(at, to)) !== 0)
      changedArea.push({ start: at, length: to - at })
  }
  return { startOffset, length: end - startOffset, changedArea }
}

const controllers: readonly VimObject[] = [
  {
    _typeName: 'ParaVirtualSCSIController',
    key: 1000,
    deviceInfo: { _typeName: 'Description', label: 'SCSI controller 0', summary: 'VMware paravirtual SCSI' },
    busNumber: 0,
    sharedBus: 'noSharing',
  },
]

function deviceOf({ key, options, identity }: Disk, fileName: string, changeId: string | undefined): VimObject {
  return {
    _typeName: 'VirtualDisk',
    key,
    deviceInfo: { _typeName: 'Description', label: `Hard disk ${key - 1999}`, summary: '' },
    backing: {
      _typeName: 'VirtualDiskFlatVer2BackingInfo',
      fileName,
      datastore: undefined,
      diskMode: 'persistent',
      thinProvisioned: true,
      uuid: identity,
      changeId,
      sharing: 'sharingNone',
      ...options.backing,
    },
    controllerKey: 1000,
    unitNumber: key - 2000,
    capacityInKB: options.sizeBytes / 1024,
    capacityInBytes: options.sizeBytes,
  }
}

function treeOf(vm: MoRef, snapshots: readonly Snapshot[]): VimObject {
  const nested = snapshots.reduceRight<VimObject[]>(
    (childSnapshotList, { ref, name, description, createTime }, at) => [
      {
        snapshot: ref,
        vm,
        name,
        description,
        id: at + 1,
        createTime,
        state: 'poweredOff',
        quiesced: false,
        childSnapshotList,
      },
    ],
    [],
  )
  return { _typeName: 'VirtualMachineSnapshotInfo', currentSnapshot: snapshots.at(-1)?.ref, rootSnapshotList: nested }
}

/** A flat disk as hosts have it: a descriptor, and the file with the bytes. */
function writeDisk(files: FakeFiles, path: string, content: Uint8Array): void {
  const flat = path.replace(/\.vmdk$/, '-flat.vmdk')
  files.set(flat, content)
  files.set(
    path,
    Buffer.from(
      `# Disk DescriptorFile\nversion=1\nCID=fffffffe\nparentCID=ffffffff\ncreateType="vmfs"\n\nRW ${content.length / 512} VMFS "${flat.slice(flat.lastIndexOf('/') + 1)}"\n\nddb.adapterType = "lsilogic"\n`,
    ),
  )
}

function deltaOf(path: string, number: number): string {
  return path.replace(/\.vmdk$/, `-${String(number).padStart(6, '0')}.vmdk`)
}

function vmxOf({ name }: FakeMachineOptions, disks: readonly Disk[]): string {
  const lines = disks.flatMap(({ file }, at) => [
    `scsi0:${at}.present = "TRUE"`,
    `scsi0:${at}.fileName = "${file.slice(file.lastIndexOf('/') + 1)}"`,
  ])
  return [
    '.encoding = "UTF-8"',
    `displayName = "${name}"`,
    'guestOS = "debian11-64"',
    'firmware = "efi"',
    'numvcpus = "2"',
    'memSize = "1024"',
    'scsi0.present = "TRUE"',
    'scsi0.virtualDev = "pvscsi"',
    ...lines,
    '',
  ].join('\n')
}

function uuidOf(seed: string): string {
  const hex = createHash('sha256').update(seed).digest('hex')
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-4${hex.slice(13, 16)}-8${hex.slice(17, 20)}-${hex.slice(20, 32)}`
}
