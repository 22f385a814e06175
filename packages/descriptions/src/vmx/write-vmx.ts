import { isBackupError, type Machine } from '@holdfast/core'
import { attachDisks } from '../attach-disks.js'
import { mappedCpus, mappedFirmware, mappedMemory, mappedName, mappedNics, type NicModels } from '../guest-values.js'
import { uuidToWrite } from '../identity.js'
import { printable } from '../printable.js'
import type { VmwareDiskBus } from '../vmware/vmware-disk-bus.js'
import type { Mapping, NativeOptions, PlacedDisk, WriteOptions, WrittenDescription } from '../written-description.js'
import { editVmx } from './edit-vmx.js'
import { diskSettings, nicSettings, type VmxSettings } from './vmx-settings.js'
import { encodeVmxValue } from './vmx-text.js'

/** What a VMX writer may be told. */
export interface VmxWriteOptions extends WriteOptions, NativeOptions {
  /**
   * Controller of all disks. `keep` keeps SATA, IDE, NVMe and SCSI of a known model, and takes SATA for the others. Anything
   * else makes the file be written anew.
   *
   * @defaultValue `'keep'`
   */
  readonly diskBus?: VmwareDiskBus | 'keep'
  /** Version of the virtual hardware. @defaultValue 13: ESXi 6.5, Workstation 14 */
  readonly hardwareVersion?: number
  /** VMware's name of the guest operating system. @defaultValue `'other-64'` */
  readonly guestOs?: string
}

const mebibyte = 1024 * 1024

const nicModels: NicModels = {
  known: {
    e1000: 'e1000',
    e1000e: 'e1000e',
    vmxnet: 'vmxnet',
    vmxnet2: 'vmxnet',
    vmxnet3: 'vmxnet3',
    vlance: 'vlance',
    flexible: 'vlance',
    pcnet: 'vlance',
    pcnet32: 'vlance',
  },
  fallback: 'e1000e',
  why: 'VMware has no such card; e1000e works in most guests without drivers from elsewhere.',
  unknownNetwork: 'VM Network',
}

/**
 * Writes a VMX file, UTF-8.
 *
 * A machine that came from a VMX keeps that file: only name, disks, and what differs, change. Else it is written anew.
 *
 * @throws BackupError `E_PLACEMENT` when images and disks do not match, an image is not VMDK, or VMware has no place for a disk
 */
export function writeVmx(
  machine: Machine,
  places: readonly PlacedDisk[],
  options: VmxWriteOptions = {},
): WrittenDescription {
  const disks = attachDisks(machine, places, 'vmx')
  const name = mappedName(
    machine,
    (text) => text.toWellFormed().trim(),
    'It holds text that UTF-8 cannot, or begins or ends with white space.',
  )
  const named = { ...machine, name: name.value }
  const isKept = (options.diskBus ?? 'keep') === 'keep' && options.native !== 'ignore'
  if (machine.native?.format !== 'vmx' || !isKept)
    return anew(named, disks, options, [...name.report, ...nativeLeft(machine)])
  try {
    const { text, report } = editVmx(machine.native.text, named, disks, options)
    return { text, report: [...name.report, ...report] }
  } catch (error) {
    if (!isBackupError(error) || error.code !== 'E_SOURCE_INVALID') throw error
    const why = `The native VMX cannot be edited: ${error.message}`
    const report: Mapping = { what: 'description', from: 'native VMX', to: 'written anew', why }
    return anew(named, disks, options, [...name.report, report])
  }
}

function nativeLeft({ native }: Machine): readonly Mapping[] {
  if (native === undefined) return []
  const why = 'What only the native description says is not carried over; keep it beside the machine.'
  return [{ what: 'description', from: printable(native.format), to: 'vmx', why }]
}

function anew(
  machine: Machine,
  disks: ReturnType<typeof attachDisks>,
  options: VmxWriteOptions,
  reported: readonly Mapping[],
): WrittenDescription {
  const firmware = mappedFirmware(machine)
  const cpus = mappedCpus(machine)
  const memory = mappedMemory(machine, 4 * mebibyte)
  const nics = mappedNics(machine, nicModels, options)
  const attached = diskSettings(disks, options.diskBus ?? 'keep')
  const uuid = options.identity === 'new' ? undefined : uuidToWrite(machine.id)
  const settings: VmxSettings = [
    ['.encoding', 'UTF-8'],
    ['config.version', '8'],
    ['virtualHW.version', String(options.hardwareVersion ?? 13)],
    ['displayName', machine.name],
    ['guestOS', options.guestOs ?? 'other-64'],
    ...(firmware.value === 'uefi' ? [['firmware', 'efi'] as const] : []),
    ['numvcpus', String(cpus.value)],
    ['memsize', String(memory.value / mebibyte)],
    ...(uuid === undefined ? [] : [['uuid.bios', vmwareUuid(uuid)] as const]),
    ...bridges,
    ...attached.value,
    ...nicSettings(nics.value),
    ['floppy0.present', 'FALSE'],
  ]
  const text = settings.map(([key, value]) => `${key} = "${encodeVmxValue(value)}"\n`).join('')
  const guest: readonly Mapping[] =
    options.guestOs === undefined
      ? [
          {
            what: 'operating system of the guest',
            from: 'unknown',
            to: 'other-64',
            why: 'The option guestOs states it; VMware then offers what fits.',
          },
        ]
      : []
  return {
    text,
    report: [
      ...reported,
      ...firmware.report,
      ...cpus.report,
      ...memory.report,
      ...attached.report,
      ...nics.report,
      ...guest,
    ],
  }
}

// Without them there is no slot for a PCI Express device, and the machine does not start.
const bridges: VmxSettings = [
  ['pciBridge0.present', 'TRUE'],
  ...[4, 5, 6, 7].flatMap(
    (number) =>
      [
        [`pciBridge${number}.present`, 'TRUE'],
        [`pciBridge${number}.virtualDev`, 'pcieRootPort'],
        [`pciBridge${number}.functions`, '8'],
      ] as const,
  ),
]

function vmwareUuid(uuid: string): string {
  const bytes = uuid.replaceAll('-', '').match(/../g) ?? []
  return `${bytes.slice(0, 8).join(' ')}-${bytes.slice(8).join(' ')}`
}
