import type { Machine } from '@holdfast/core'
import {
  type ManagedObject,
  type MoRef,
  readObject,
  refOf,
  type VimSession,
  type XmlElement,
} from '@holdfast/protocol-vim'
import { type SnapshotNode, snapshotTree } from '../snapshot/snapshot-tree.js'
import { readDisks, type VmwareDisk } from './disks.js'

/** A machine before its snapshot. */
export interface MachineState {
  readonly moRef: MoRef
  readonly disks: readonly VmwareDisk[]
  readonly snapshots: readonly SnapshotNode[]
  readonly isOn: boolean
  readonly isTracked: boolean
  readonly canBeTracked: boolean
  readonly hasTools: boolean
  readonly needsConsolidation: boolean
  readonly host: MoRef | undefined
  /** `[datastore] folder/machine.vmx`. */
  readonly vmxFile: string | undefined
  readonly hardware: Omit<Machine, 'disks' | 'id' | 'name' | 'native'>
}

const paths = [
  'config.hardware.device',
  'config.hardware.numCPU',
  'config.hardware.memoryMB',
  'config.firmware',
  'config.changeTrackingEnabled',
  'config.files.vmPathName',
  'capability.changeTrackingSupported',
  'snapshot',
  'runtime.powerState',
  'runtime.host',
  'runtime.consolidationNeeded',
  'guest.toolsRunningStatus',
]

/** Reads it. @throws VimError */
export async function readMachine(session: VimSession, moRef: MoRef, signal: AbortSignal): Promise<MachineState> {
  const object = await readObject(session, moRef, paths, { signal })
  const text = (path: string) => object.properties.get(path)?.text
  const host = object.properties.get('runtime.host')
  return {
    moRef,
    disks: readDisks(object.properties.get('config.hardware.device')),
    snapshots: snapshotTree(object.properties.get('snapshot')),
    isOn: text('runtime.powerState') === 'poweredOn',
    isTracked: text('config.changeTrackingEnabled') === 'true',
    canBeTracked: text('capability.changeTrackingSupported') !== 'false',
    hasTools: text('guest.toolsRunningStatus') === 'guestToolsRunning',
    needsConsolidation: text('runtime.consolidationNeeded') === 'true',
    host: host === undefined ? undefined : refOf(host),
    vmxFile: text('config.files.vmPathName'),
    hardware: hardwareOf(object),
  }
}

function hardwareOf({ properties }: ManagedObject): MachineState['hardware'] {
  const cpus = Number(properties.get('config.hardware.numCPU')?.text)
  const memoryMiB = Number(properties.get('config.hardware.memoryMB')?.text)
  const nics = cardsOf(properties.get('config.hardware.device'))
  return {
    firmware: properties.get('config.firmware')?.text === 'efi' ? 'uefi' : 'bios',
    ...(cpus > 0 && { cpus }),
    ...(memoryMiB > 0 && { memoryBytes: memoryMiB * 2 ** 20 }),
    ...(nics.length > 0 && { nics }),
  }
}

function cardsOf(devices: XmlElement | undefined): NonNullable<Machine['nics']> {
  return (devices?.children ?? []).flatMap((device) => {
    const macAddress = device.children.find(({ name }) => name === 'macAddress')?.text
    return macAddress === undefined || macAddress === '' ? [] : [{ macAddress, ...modelOf(device) }]
  })
}

function modelOf({ typeName = '' }: XmlElement): { readonly model?: string } {
  const model = typeName.replace(/^Virtual/, '').toLowerCase()
  return model === '' ? {} : { model }
}
