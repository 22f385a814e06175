import { isBackupError, type Machine } from '@holdfast/core'
import { attachDisks, type RestoredDisk } from '../attach-disks.js'
import { cannotDescribe } from '../errors.js'
import { mappedCpus, mappedFirmware, mappedMemory, mappedName, mappedNics } from '../guest-values.js'
import { uuidToWrite } from '../identity.js'
import { printable } from '../printable.js'
import type { Mapping, PlacedDisk, WrittenDescription } from '../written-description.js'
import { element, type XmlElement } from '../xml/element.js'
import { serializeXml } from '../xml/serialize-xml.js'
import { editLibvirt } from './edit-libvirt.js'
import { diskElements, nicElements } from './libvirt-devices.js'
import { type LibvirtWriteOptions, libvirtName, libvirtNicModels, nameReason } from './libvirt-options.js'
import { libvirtTargets } from './libvirt-targets.js'

const format = 'libvirt-xml'

/**
 * Writes the XML of a libvirt domain, for `virsh define`.
 *
 * A machine that came from libvirt keeps its XML: only name, disks, and what differs, change. Else it is written anew, for QEMU.
 *
 * @throws BackupError `E_PLACEMENT` when images and disks do not match, or a path is not absolute
 */
export function writeLibvirt(
  machine: Machine,
  places: readonly PlacedDisk[],
  options: LibvirtWriteOptions = {},
): WrittenDescription {
  const disks = attachDisks(machine, places, format)
  const relative = places.find(({ file }) => !file.startsWith('/'))
  if (relative !== undefined) {
    const problem = `the path ${printable(relative.file)} is not absolute`
    throw cannotDescribe(format, problem, 'Give the path that the host of libvirt has for the image.')
  }
  const name = mappedName(machine, libvirtName, nameReason)
  const named = { ...machine, name: name.value }
  const isKept = (options.diskBus ?? 'keep') === 'keep' && options.native !== 'ignore'
  if (machine.native?.format !== format || !isKept)
    return anew(named, disks, options, [...name.report, ...nativeLeft(machine)])
  try {
    const { text, report } = editLibvirt(machine.native.text, named, disks, options)
    return { text, report: [...name.report, ...report] }
  } catch (error) {
    if (!isBackupError(error) || error.code !== 'E_SOURCE_INVALID') throw error
    const why = `The native XML cannot be edited: ${error.message}`
    return anew(named, disks, options, [
      ...name.report,
      { what: 'description', from: 'native XML', to: 'written anew', why },
    ])
  }
}

function nativeLeft({ native }: Machine): readonly Mapping[] {
  if (native === undefined) return []
  const why = 'What only the native description says is not carried over; keep it beside the machine.'
  return [{ what: 'description', from: printable(native.format), to: format, why }]
}

function anew(
  machine: Machine,
  disks: readonly RestoredDisk[],
  options: LibvirtWriteOptions,
  reported: readonly Mapping[],
): WrittenDescription {
  const firmware = mappedFirmware(machine)
  const cpus = mappedCpus(machine)
  const memory = mappedMemory(machine, 1024)
  const nics = mappedNics(machine, libvirtNicModels, options)
  const targets = libvirtTargets(disks, options.diskBus ?? 'keep', machine.native?.format === format)
  // Only the older machine type has IDE.
  const machineType = targets.value.some(({ bus }) => bus === 'ide') ? 'pc' : 'q35'
  const uuid = options.identity === 'new' ? undefined : uuidToWrite(machine.id)
  const domain = element('domain', { type: options.domainType ?? 'kvm' }, [
    element('name', {}, machine.name),
    uuid === undefined ? undefined : element('uuid', {}, uuid),
    element('memory', { unit: 'KiB' }, String(memory.value / 1024)),
    element('vcpu', {}, String(cpus.value)),
    osElement(firmware.value, machineType),
    element('features', {}, [element('acpi'), element('apic')]),
    element('cpu', { mode: 'host-model' }),
    element('clock', { offset: 'utc' }),
    element('on_poweroff', {}, 'destroy'),
    element('on_reboot', {}, 'restart'),
    element('on_crash', {}, 'destroy'),
    element('devices', {}, [
      ...diskElements(targets.value, 1),
      ...nicElements(nics.value),
      element('serial', { type: 'pty' }),
      element('console', { type: 'pty' }),
      element('input', { type: 'tablet', bus: 'usb' }),
      element('graphics', { type: 'vnc', autoport: 'yes' }),
      element('video', {}, [element('model', { type: 'vga' })]),
    ]),
  ])
  const report = [...reported, ...firmware.report, ...cpus.report, ...memory.report, ...targets.report, ...nics.report]
  return {
    text: serializeXml(domain),
    report: [...report, ...networkNotes(nics.value), ...firmwareNotes(firmware.value)],
  }
}

// Without a signed boot loader a machine with secure boot does not start, and nobody knows whether the guest has one.
function osElement(firmware: 'bios' | 'uefi', machineType: string): XmlElement {
  const type = element('type', { arch: 'x86_64', machine: machineType }, 'hvm')
  if (firmware === 'bios') return element('os', {}, [type])
  const secureBoot = element('feature', { enabled: 'no', name: 'secure-boot' })
  return element('os', { firmware: 'efi' }, [type, element('firmware', {}, [secureBoot])])
}

function firmwareNotes(firmware: 'bios' | 'uefi'): readonly Mapping[] {
  if (firmware === 'bios') return []
  const why =
    'The settings of the firmware are not in the disks: the guest boots by the default path, without secure boot.'
  return [{ what: 'UEFI variables', from: 'of the original', to: 'new', why }]
}

function networkNotes(nics: readonly { readonly network?: string }[]): readonly Mapping[] {
  return nics.flatMap(({ network }, index) => {
    const what = `network of network card ${index}`
    if (network === undefined || network === 'default' || network.startsWith('bridge:')) return []
    const name = printable(network)
    const why =
      'The domain starts only when libvirt has a network of this name; the option networks maps names, to bridge:NAME as well.'
    return [{ what, from: name, to: `libvirt network ${name}`, why }]
  })
}
