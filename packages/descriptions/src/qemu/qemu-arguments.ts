import type { Machine } from '@holdfast/core'
import { attachDisks, inBootOrder } from '../attach-disks.js'
import { mappedCpus, mappedFirmware, mappedMemory, mappedName } from '../guest-values.js'
import { type LibvirtTarget, libvirtTargets } from '../libvirt/libvirt-targets.js'
import type { Mapping, PlacedDisk } from '../written-description.js'

/** How QEMU is to run a machine. */
export interface QemuOptions {
  /** QEMU's accelerators, first choice first: `kvm:tcg`. @defaultValue `kvm:tcg` */
  readonly accelerator?: string
  /** UEFI for machines that have it. @defaultValue `/usr/share/ovmf/OVMF.fd` */
  readonly uefiFirmware?: string
  /** What the guest writes is dropped when QEMU ends. @defaultValue `false` */
  readonly discardsWrites?: boolean
}

/** A machine as arguments of `qemu-system-…`: hardware and disks, without network, display and serial ports. */
export interface QemuArguments {
  readonly args: readonly string[]
  /** What is not as it was. */
  readonly report: readonly Mapping[]
}

const memoryUnit = 2 ** 20
/** Ports of one AHCI controller. */
const sataPorts = 6

/**
 * Makes the arguments with which QEMU runs a machine. A disk's `file` may be any place that QEMU opens, an NBD URI too.
 *
 * @throws BackupError `E_PLACEMENT` when images and disks do not match
 */
export function qemuArguments(
  machine: Machine,
  places: readonly PlacedDisk[],
  options: QemuOptions = {},
): QemuArguments {
  const { accelerator = 'kvm:tcg', uefiFirmware = '/usr/share/ovmf/OVMF.fd', discardsWrites = false } = options
  const disks = attachDisks(machine, places, 'qemu-command')
  // No argument of a program can hold a zero byte, and QEMU repeats the name in messages.
  const name = mappedName(machine, plainName, 'QEMU shows it in messages, where control characters do harm.')
  const firmware = mappedFirmware(machine)
  const cpus = mappedCpus(machine)
  const memory = mappedMemory(machine, memoryUnit)
  const targets = libvirtTargets(disks, 'keep', machine.native?.format === 'libvirt-xml')
  const type = targets.value.some(({ bus }) => bus === 'ide') ? 'pc' : 'q35'
  return {
    args: [
      ...['-name', `guest=${escaped(name.value)}`, '-machine', `${type},accel=${accelerator}`],
      ...['-m', String(memory.value / memoryUnit), '-smp', String(cpus.value)],
      ...(firmware.value === 'uefi' ? ['-bios', uefiFirmware] : []),
      ...controllers(targets.value),
      ...targets.value.flatMap((target, index) => diskArguments(target, index, targets.value, discardsWrites)),
    ],
    report: [
      ...name.report,
      ...firmware.report,
      ...cpus.report,
      ...memory.report,
      ...targets.report.filter(({ what }) => what.startsWith('bus')),
    ],
  }
}

function plainName(name: string): string {
  return name.toWellFormed().replace(/\p{Cc}/gu, '\ufffd')
}

/** Doubles the commas of a value: a single one ends it. */
function escaped(text: string): string {
  return text.replaceAll(',', ',,')
}

function controllers(targets: readonly LibvirtTarget[]): readonly string[] {
  const sata = Math.ceil(targets.filter(({ bus }) => bus === 'sata').length / sataPorts)
  return [
    ...(targets.some(({ bus }) => bus === 'virtio-scsi') ? ['-device', 'virtio-scsi-pci,id=scsi0'] : []),
    ...Array.from({ length: sata }, (_, i) => ['-device', `ich9-ahci,id=sata${i}`]).flat(),
  ]
}

function diskArguments(
  target: LibvirtTarget,
  index: number,
  all: readonly LibvirtTarget[],
  discardsWrites: boolean,
): readonly string[] {
  const { place } = target.disk
  const before = all.slice(0, index).filter(({ bus }) => bus === target.bus).length
  // Two devices of one boot index are refused, and machines may say the same of two disks.
  const boot = inBootOrder(all.map(({ disk }) => disk)).indexOf(target.disk) + 1
  return [
    '-drive',
    `if=none,id=drive${index},format=${qemuDriver(place.imageFormat)},file=${escaped(place.file)}${discardsWrites ? ',snapshot=on' : ''}`,
    '-device',
    `${deviceOf(target, before)},drive=drive${index},bootindex=${boot}`,
  ]
}

function deviceOf({ bus }: LibvirtTarget, before: number): string {
  switch (bus) {
    case 'virtio':
      return 'virtio-blk-pci'
    case 'virtio-scsi':
      return `scsi-hd,bus=scsi0.0,scsi-id=${before}`
    case 'sata':
      return `ide-hd,bus=sata${Math.floor(before / sataPorts)}.${before % sataPorts}`
    case 'ide':
      return `ide-hd,bus=ide.${Math.floor(before / 2)},unit=${before % 2}`
  }
}

function qemuDriver(format: PlacedDisk['imageFormat']): string {
  return format === 'vhd' ? 'vpc' : format
}
