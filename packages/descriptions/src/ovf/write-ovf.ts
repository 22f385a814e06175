import type { Machine } from '@holdfast/core'
import { attachDisks, type RestoredDisk } from '../attach-disks.js'
import { mappedCpus, mappedFirmware, mappedMemory, mappedName, mappedNics } from '../guest-values.js'
import { uuidToWrite } from '../identity.js'
import { printable } from '../printable.js'
import { vmwareAttachments } from '../vmware/vmware-attachments.js'
import type { Mapping, PlacedDisk, WrittenDescription } from '../written-description.js'
import { xmlText } from '../xml/decode-references.js'
import { element, type XmlElement } from '../xml/element.js'
import { serializeXml } from '../xml/serialize-xml.js'
import { bootOrderElements, hardwareItems } from './ovf-elements.js'
import { formatUris, type OvfWriteOptions, ovfNicModels } from './ovf-options.js'

/**
 * Writes an OVF 1.1 descriptor of one machine, as vSphere, Workstation and VirtualBox import it.
 *
 * Files stand in the order of the machine's disks, which an OVA must keep. OVF states no UUID, so an import makes a new one.
 *
 * @throws BackupError `E_PLACEMENT` when images and disks do not match, or there is no place for a disk
 */
export function writeOvf(
  machine: Machine,
  places: readonly PlacedDisk[],
  options: OvfWriteOptions = {},
): WrittenDescription {
  const disks = attachDisks(machine, places, 'ovf')
  const name = mappedName(
    machine,
    (text) => xmlText(text).trim(),
    'It holds characters that XML cannot, or surrounding white space.',
  )
  const firmware = mappedFirmware(machine)
  const cpus = mappedCpus(machine)
  const memory = mappedMemory(machine, 1)
  const nics = mappedNics(machine, ovfNicModels, options)
  const attached = vmwareAttachments(disks, options.diskBus ?? 'keep', 'ovf')
  const ids = diskIds(disks)
  const cards = nics.value.map((nic) => ({ ...nic, network: nic.network ?? '' }))
  const networks = [...new Set(cards.map(({ network }) => network))]
  const hardware = hardwareItems({
    cpus: cpus.value,
    memoryBytes: memory.value,
    attachments: attached.value,
    diskId: (disk) => ids.get(disk) ?? '',
    nics: cards,
  })
  const system = element('VirtualSystem', { 'ovf:id': name.value }, [
    element('Info', {}, 'A virtual machine'),
    element('Name', {}, name.value),
    ...bootOrderElements(disks, hardware.itemOf),
    element('VirtualHardwareSection', {}, [
      element('Info', {}, 'Virtual hardware'),
      element('System', {}, [
        element('vssd:ElementName', {}, 'Virtual Hardware Family'),
        element('vssd:InstanceID', {}, '0'),
        element('vssd:VirtualSystemIdentifier', {}, name.value),
        element('vssd:VirtualSystemType', {}, `vmx-${options.hardwareVersion ?? 13}`),
      ]),
      ...hardware.items,
      element('vmw:Config', {
        'ovf:required': 'false',
        'vmw:key': 'firmware',
        'vmw:value': firmware.value === 'uefi' ? 'efi' : 'bios',
      }),
    ]),
  ])
  const envelope = element('Envelope', namespaces, [
    element(
      'References',
      {},
      disks.map((disk, index) => fileElement(disk, index, options)),
    ),
    element('DiskSection', {}, [
      element('Info', {}, 'Virtual disks'),
      ...disks.map((disk, index) => diskElement(disk, index, ids.get(disk) ?? '')),
    ]),
    element('NetworkSection', {}, [
      element('Info', {}, 'Networks'),
      ...networks.map((network) => element('Network', { 'ovf:name': network }, [element('Description', {}, network)])),
    ]),
    system,
  ])
  return {
    text: serializeXml(envelope),
    report: [
      ...name.report,
      ...firmware.report,
      ...cpus.report,
      ...memory.report,
      ...attached.report,
      ...nics.report,
      ...limitsOfOvf(machine, disks, ids),
    ],
  }
}

const namespaces = {
  xmlns: 'http://schemas.dmtf.org/ovf/envelope/1',
  'xmlns:ovf': 'http://schemas.dmtf.org/ovf/envelope/1',
  'xmlns:rasd': 'http://schemas.dmtf.org/wbem/wscim/1/cim-schema/2/CIM_ResourceAllocationSettingData',
  'xmlns:vssd': 'http://schemas.dmtf.org/wbem/wscim/1/cim-schema/2/CIM_VirtualSystemSettingData',
  'xmlns:vmw': 'http://www.vmware.com/schema/ovf',
}

function fileElement({ spec, place }: RestoredDisk, index: number, { fileSizes }: OvfWriteOptions): XmlElement {
  return element('File', { 'ovf:id': `file${index + 1}`, 'ovf:href': place.file, 'ovf:size': fileSizes?.get(spec.id) })
}

function diskElement({ spec, place }: RestoredDisk, index: number, id: string): XmlElement {
  return element('Disk', {
    'ovf:capacity': spec.sizeBytes,
    'ovf:capacityAllocationUnits': 'byte',
    'ovf:diskId': id,
    'ovf:fileRef': `file${index + 1}`,
    'ovf:format': formatUris[place.imageFormat],
  })
}

// Ids become part of a reference, `ovf:/disk/ID`: letters that every importer reads back the same.
function diskIds(disks: readonly RestoredDisk[]): ReadonlyMap<RestoredDisk, string> {
  const isPlain = (id: string) => /^[\w.:-]{1,80}$/.test(id)
  const used = new Set<string>(disks.map(({ spec }) => spec.id).filter(isPlain))
  let number = 0
  return new Map(
    disks.map((disk) => {
      if (isPlain(disk.spec.id)) return [disk, disk.spec.id]
      do number += 1
      while (used.has(`vmdisk${number}`))
      return [disk, `vmdisk${number}`]
    }),
  )
}

function limitsOfOvf(
  machine: Machine,
  disks: readonly RestoredDisk[],
  ids: ReadonlyMap<RestoredDisk, string>,
): readonly Mapping[] {
  const renamed = disks.flatMap((disk) => {
    const [from, to] = [disk.spec.id, ids.get(disk) ?? '']
    const why = 'The id of a disk is part of a reference.'
    return from === to ? [] : [{ what: `id of disk ${printable(from)}`, from: printable(from), to, why }]
  })
  const formats = disks.flatMap(({ spec, place }) => {
    const why = 'Most importers take stream-optimized VMDK only.'
    const what = `image format of disk ${printable(spec.id)}`
    return place.imageFormat === 'vmdk'
      ? []
      : [{ what, from: place.imageFormat, to: formatUris[place.imageFormat], why }]
  })
  const uuid = uuidToWrite(machine.id)
  const identity = {
    what: 'uuid',
    from: uuid ?? '',
    to: 'generated',
    why: 'OVF states none: an import makes a new one.',
  }
  const native = machine.native
  const left = {
    what: 'description',
    from: printable(native?.format ?? ''),
    to: 'ovf',
    why: 'What only the native description says is not carried over; keep it beside the machine.',
  }
  return [...renamed, ...formats, ...(uuid === undefined ? [] : [identity]), ...(native === undefined ? [] : [left])]
}
