import { join } from 'node:path'
import type { Machine } from '@holdfast/core'
import type { Mapping, PlacedDisk } from '@holdfast/descriptions'
import type { ImageFormat } from '@holdfast/formats'
import { safeFileName } from './file-names.js'
import { type DiskFile, machineJson } from './machine-json.js'

/** A text that is written beside the disks. */
export interface DescriptionFile {
  readonly name: string
  readonly text: string
}

/** What describes a restored machine, and what is not as it was. */
export interface MachineDescriptions {
  readonly files: readonly DescriptionFile[]
  readonly report: readonly Mapping[]
}

/**
 * Describes a machine for the hypervisor whose images these are: VMX for VMDK, libvirt's XML and a QEMU command for QCOW2, a
 * script for Hyper-V for VHD and VHDX; and `machine.json` always.
 *
 * A native description of another format is kept word for word beside them.
 * @throws BackupError `E_PLACEMENT` when the hypervisor has no place for a disk
 */
export async function describeMachine(
  machine: Machine,
  disks: readonly DiskFile[],
  format: ImageFormat,
  location: string,
): Promise<MachineDescriptions> {
  const placed = { ...machine, disks: machine.disks.filter(({ id }) => disks.some((disk) => disk.id === id)) }
  const files = [{ name: 'machine.json', text: machineJson(placed, disks) }]
  const { native } = machine
  if (native !== undefined) files.push({ name: `native.${safeFileName(native.format)}.txt`, text: native.text })
  const places = disks.map(({ id, file }): PlacedDisk => ({ id, file, imageFormat: format }))
  const name = safeFileName(machine.name)
  switch (format) {
    case 'raw':
      return { files, report: [] }
    case 'vmdk': {
      const { writeVmx } = await import('@holdfast/descriptions/vmx')
      const { text, report } = writeVmx(placed, places)
      return { files: [...files, { name: `${name}.vmx`, text }], report }
    }
    case 'qcow2': {
      const { writeLibvirt } = await import('@holdfast/descriptions/libvirt')
      const { writeQemu } = await import('@holdfast/descriptions/qemu')
      // libvirt takes full paths only.
      const there = places.map((place) => ({ ...place, file: join(location, place.file) }))
      const { text, report } = writeLibvirt(placed, there)
      const command = writeQemu(placed, places)
      return { files: [...files, { name: `${name}.xml`, text }, { name: 'start-qemu.sh', text: command.text }], report }
    }
    case 'vhd':
    case 'vhdx': {
      const { writeHyperv } = await import('@holdfast/descriptions/hyperv')
      const { text, report } = writeHyperv(placed, places)
      return { files: [...files, { name: `${name}.ps1`, text }], report }
    }
  }
}
