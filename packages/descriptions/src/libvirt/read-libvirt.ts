import type { NicSpec } from '@holdfast/core'
import { boundedNotes } from '../bounded-notes.js'
import { decodeText } from '../decode-text.js'
import type { DescribedDisk, DescribedMachine, DescriptionInput, Note, ReadOptions } from '../described-machine.js'
import { invalidDescription } from '../errors.js'
import { machineId, macOf, uuidOf } from '../identity.js'
import { limits } from '../limits.js'
import { printable } from '../printable.js'
import { uniqueDisks } from '../unique-disks.js'
import { childElements, element, localName, type XmlElement } from '../xml/element.js'
import { parseXml } from '../xml/parse-xml.js'
import { type TreeReader, treeReader } from '../xml/unread-parts.js'
import { statedXmlEncoding } from '../xml/xml-encoding.js'
import { libvirtDisk, placeOf } from './libvirt-disks.js'
import { libvirtBytes, libvirtNumber } from './libvirt-values.js'

/**
 * Reads the XML of a libvirt domain, as `virsh dumpxml` prints it for QEMU and Xen, running or not.
 *
 * Disks are named by their target (`vda`), which stays when the disk moves to other storage.
 *
 * @throws BackupError `E_SOURCE_INVALID`
 */
export function readLibvirt(input: DescriptionInput, options: ReadOptions = {}): DescribedMachine {
  const { text } = decodeText(input, 'libvirt-xml', statedXmlEncoding)
  const domain = parseXml(text, 'libvirt-xml')
  if (localName(domain.name) !== 'domain') {
    throw invalidDescription(
      'libvirt-xml',
      'it is not a domain',
      { element: domain.name, line: 1 },
      'Give what virsh dumpxml prints.',
    )
  }
  const reader = treeReader()
  const devices = reader.child(domain, 'devices')
  const found = reader.children(devices, 'disk').map((node) => libvirtDisk(node, devices ?? domain, reader))
  const disks = uniqueDisks(
    found.flatMap(({ disk }) => disk ?? []),
    'libvirt-xml',
  )
  const os = reader.child(domain, 'os')
  const uuid = uuidOf(reader.text(domain, 'uuid'))
  const name = reader.text(domain, 'name') ?? options.name ?? uuid ?? 'machine'
  const vcpu = reader.child(domain, 'vcpu')
  const cpus = reader.text(domain, 'vcpu')
  const memoryBytes = memoryOf(domain, reader)
  const firmware = firmwareOf(os, reader)
  const special = [...typeNotes(os, reader), ...specialNotes(os, devices, reader)]
  return {
    id: machineId(uuid, name),
    name,
    firmware,
    cpus: cpus === undefined ? 1 : libvirtNumber(cpus, 1, vcpu ?? domain),
    ...(memoryBytes !== undefined && { memoryBytes }),
    disks: inBootOrder(disks, os, reader),
    nics: nicsOf(devices, reader),
    native: { format: 'libvirt-xml', text },
    notes: boundedNotes([
      ...found.flatMap(({ notes }) => notes),
      ...special,
      ...reader.unread(domain, 'The neutral model has no equal; the native text keeps it.'),
    ]),
  }
}

function memoryOf(domain: XmlElement, reader: TreeReader): number | undefined {
  const node = reader.child(domain, 'memory')
  const text = reader.text(domain, 'memory')
  if (node === undefined || text === undefined) return undefined
  const bytes = libvirtBytes(text, reader.attribute(node, 'unit'), node)
  const current = childElements(domain, 'currentMemory')[0]
  const unit = current?.attributes.find((attribute) => attribute.name === 'unit')?.value
  const said =
    current === undefined
      ? ''
      : current.children
          .map((child) => (child.kind === 'text' ? child.text : ''))
          .join('')
          .trim()
  // A balloon that takes nothing says nothing.
  if (current !== undefined && said !== '' && libvirtBytes(said, unit, current) === bytes) reader.skip(current)
  return bytes
}

function firmwareOf(os: XmlElement | undefined, reader: TreeReader): 'bios' | 'uefi' {
  const stated = reader.attribute(os, 'firmware')
  if (stated === 'efi') return 'uefi'
  const loader = reader.child(os, 'loader')
  const isFlash = reader.attribute(loader, 'type') === 'pflash'
  const path = reader.text(os, 'loader') ?? ''
  if (stated === 'bios') return 'bios'
  return isFlash || /ovmf|edk2|aavmf|uefi/i.test(path.slice(0, 4096)) ? 'uefi' : 'bios'
}

// `<boot dev='hd'/>` means the first disk; `<boot order='1'/>` at a disk is exact, and libvirt allows only one of both ways.
function inBootOrder(
  disks: readonly DescribedDisk[],
  os: XmlElement | undefined,
  reader: TreeReader,
): readonly DescribedDisk[] {
  const devices = reader.children(os, 'boot').map((node) => reader.attribute(node, 'dev'))
  const position = devices.indexOf('hd')
  if (position < 0 || disks.some(({ bootOrder }) => bootOrder !== undefined)) return disks
  return disks.map((disk, index) => (index === 0 ? { ...disk, bootOrder: position + 1 } : disk))
}

function nicsOf(devices: XmlElement | undefined, reader: TreeReader): readonly NicSpec[] {
  const nodes = reader.children(devices, 'interface')
  if (nodes.length > limits.devices) {
    const problem = `it has more than ${limits.devices} network cards`
    throw invalidDescription('libvirt-xml', problem, {}, 'Give a description of a machine.')
  }
  return nodes.map((node) => {
    const macAddress = macOf(reader.attribute(reader.child(node, 'mac'), 'address'))
    const source = reader.child(node, 'source')
    const network = ['network', 'bridge', 'dev'].flatMap((name) => reader.attribute(source, name) ?? [])[0]
    const model = reader.attribute(reader.child(node, 'model'), 'type')
    return {
      ...(macAddress !== undefined && { macAddress }),
      ...(network !== undefined && network !== '' && { network }),
      ...(model !== undefined && { model }),
    }
  })
}

function typeNotes(os: XmlElement | undefined, reader: TreeReader): readonly Note[] {
  const type = childElements(os ?? element('os'), 'type')[0]
  const said = reader.text(os, 'type')
  const loader = childElements(os ?? element('os'), 'loader')[0]
  const isSecure = reader.attribute(loader, 'secure') === 'yes'
  return [
    ...(type === undefined || said === undefined || said === 'hvm'
      ? []
      : [
          {
            what: `type ${printable(said)}`,
            where: placeOf(type),
            why: 'It is no machine with firmware: other hypervisors may not start it.',
          },
        ]),
    ...(loader !== undefined && isSecure
      ? [
          {
            what: 'secure boot',
            where: placeOf(loader),
            why: 'Restored to another hypervisor, the machine boots without it.',
          },
        ]
      : []),
  ]
}

function specialNotes(
  os: XmlElement | undefined,
  devices: XmlElement | undefined,
  reader: TreeReader,
): readonly Note[] {
  const known: readonly (readonly [parent: XmlElement | undefined, name: string, what: string, why: string])[] = [
    [
      os,
      'nvram',
      'settings of the firmware',
      'They are in a file of their own, with UEFI boot entries; a machine without it boots by the default path.',
    ],
    [
      devices,
      'tpm',
      'virtual TPM',
      'Its secrets are not in the disks: have the recovery keys of BitLocker or LUKS at hand.',
    ],
    [
      devices,
      'hostdev',
      'device of the host',
      'It is passed through: another host must have one, and nothing of it is backed up.',
    ],
    [devices, 'filesystem', 'shared folder', 'It is the host that holds the files: nothing of them is backed up.'],
  ]
  return known.flatMap(([parent, name, what, why]) =>
    (parent === undefined ? [] : childElements(parent, name)).map((node) => {
      reader.skip(node)
      return { what, where: placeOf(node), why }
    }),
  )
}
