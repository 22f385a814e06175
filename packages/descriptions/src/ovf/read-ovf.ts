import { boundedNotes } from '../bounded-notes.js'
import { decodeText } from '../decode-text.js'
import type { DescribedDisk, DescribedMachine, DescriptionInput, Note, ReadOptions } from '../described-machine.js'
import { invalidDescription } from '../errors.js'
import { diskId, machineId, uuidOf } from '../identity.js'
import { limits } from '../limits.js'
import { printable } from '../printable.js'
import { uniqueDisks } from '../unique-disks.js'
import { childElements, localName, type XmlElement } from '../xml/element.js'
import { parseXml } from '../xml/parse-xml.js'
import { type TreeReader, treeReader } from '../xml/unread-parts.js'
import { statedXmlEncoding } from '../xml/xml-encoding.js'
import { ovfDisks, ovfFiles } from './ovf-disks.js'
import { type OvfHardware, ovfHardware } from './ovf-hardware.js'
import { ovfItems, placeOf } from './ovf-items.js'
import type { OvfPackage } from './ovf-package.js'

// Titles and explanations for people, and what concerns the importing host only.
const silent = new Set(['Info', 'Description', 'ElementName', 'Caption', 'Label', 'Category', 'AutomaticAllocation'])
const whyUnread = 'The neutral model has no equal; the native text keeps it.'

/**
 * Reads an OVF descriptor, 1.x or 2.x, as ovftool, vSphere, VirtualBox and others write it.
 *
 * Prefixes and namespaces are not looked at: products disagree about them. Disks are named by their `diskId`.
 *
 * @throws BackupError `E_SOURCE_INVALID`, also for a disk that is only a delta of another one (`parentRef`)
 */
export function readOvf(input: DescriptionInput, options: ReadOptions = {}): OvfPackage {
  const { text } = decodeText(input, 'ovf', statedXmlEncoding)
  const envelope = parseXml(text, 'ovf')
  if (localName(envelope.name) !== 'Envelope') {
    throw invalidDescription('ovf', 'it is not an envelope', { element: envelope.name, line: 1 }, 'Give an .ovf file.')
  }
  const reader = treeReader(silent)
  const files = ovfFiles(envelope, reader)
  const disks = ovfDisks(envelope, files, reader)
  const configuration = defaultConfiguration(envelope, reader)
  reader.attribute(envelope, 'version')
  for (const network of reader.children(reader.child(envelope, 'NetworkSection'), 'Network'))
    reader.attribute(network, 'name')
  const systems = systemsOf(envelope, reader, 0)
  const read = systems.map((system) => readSystem(system, { configuration, disks, files, reader, options }))
  const attached = new Set(read.flatMap(({ diskIds }) => diskIds))
  const stray = [...disks.keys()].filter((id) => !attached.has(diskId(id)))
  const unused: readonly Note[] = boundedNotes(
    stray.map((id) => ({
      what: `disk ${printable(id)}`,
      where: 'DiskSection',
      why: 'No machine of the package has it.',
    })),
  )
  const outside = unreadOutside(envelope, reader)
  const ids = new Set<string>()
  const machines = read.map(({ machine, system, notes }): DescribedMachine => {
    // Two machines of a package may have the same name; `ovf:id` is what tells them apart.
    const id = ids.has(machine.id) ? machineId(undefined, `${machine.id}-${ids.size}`) : machine.id
    ids.add(id)
    const own = [...notes, ...unused, ...reader.unread(system, whyUnread), ...outside]
    return { ...machine, id, native: { format: 'ovf', text }, notes: boundedNotes(own) }
  })
  if (machines.length === 0)
    throw invalidDescription('ovf', 'it describes no machine', {}, 'Give an .ovf file with a VirtualSystem.')
  return { machines, files: [...files.values()] }
}

interface Context {
  readonly configuration: string | undefined
  readonly disks: ReturnType<typeof ovfDisks>
  readonly files: ReturnType<typeof ovfFiles>
  readonly reader: TreeReader
  readonly options: ReadOptions
}

interface ReadSystem {
  readonly system: XmlElement
  readonly machine: Omit<DescribedMachine, 'native' | 'notes'>
  readonly notes: readonly Note[]
  readonly diskIds: readonly string[]
}

// Collections nest as deep as XML may.
function systemsOf(parent: XmlElement, reader: TreeReader, found: number): readonly XmlElement[] {
  const systems = [...reader.children(parent, 'VirtualSystem')]
  for (const collection of reader.children(parent, 'VirtualSystemCollection')) {
    reader.attribute(collection, 'id')
    systems.push(...systemsOf(collection, reader, found + systems.length))
  }
  if (found + systems.length > limits.machines) {
    throw invalidDescription('ovf', `it describes more than ${limits.machines} machines`, {}, 'Split the package.')
  }
  return systems
}

function readSystem(system: XmlElement, context: Context): ReadSystem {
  const { reader } = context
  const hardware = reader.child(system, 'VirtualHardwareSection')
  const { items, notes: itemNotes } =
    hardware === undefined ? { items: [], notes: [] } : ovfItems(hardware, context.configuration, reader)
  const described: OvfHardware = ovfHardware(items, context.disks, context.files)
  const family = reader.child(hardware, 'System')
  const virtualBox = childElements(system, 'Machine')[0]
  const uuid = uuidOf(reader.attribute(virtualBox, 'uuid'))
  const id = reader.attribute(system, 'id')
  const identifier = reader.text(family, 'VirtualSystemIdentifier')
  reader.text(family, 'InstanceID')
  const name = reader.text(system, 'Name') ?? identifier ?? id ?? context.options.name ?? uuid ?? 'machine'
  const firmware = firmwareOf(hardware, virtualBox, reader)
  if (virtualBox !== undefined) reader.skip(virtualBox)
  const ordered = withBootOrder(described, system, reader)
  const what = "VirtualBox's own settings"
  return {
    system,
    machine: {
      id: machineId(uuid, name),
      name,
      firmware,
      cpus: described.cpus ?? 1,
      ...(described.memoryBytes !== undefined && { memoryBytes: described.memoryBytes }),
      disks: uniqueDisks(ordered, 'ovf'),
      nics: described.nics,
    },
    notes: [
      ...itemNotes,
      ...described.notes,
      ...(virtualBox === undefined ? [] : [{ what, where: placeOf(virtualBox), why: whyUnread }]),
    ],
    diskIds: ordered.map(({ id: disk }) => disk),
  }
}

function defaultConfiguration(envelope: XmlElement, reader: TreeReader): string | undefined {
  const configurations = reader
    .children(reader.child(envelope, 'DeploymentOptionSection'), 'Configuration')
    .map((node) => ({
      id: reader.attribute(node, 'id'),
      isDefault: reader.attribute(node, 'default') === 'true',
    }))
  return (configurations.find(({ isDefault }) => isDefault) ?? configurations[0])?.id
}

function firmwareOf(
  hardware: XmlElement | undefined,
  virtualBox: XmlElement | undefined,
  reader: TreeReader,
): 'bios' | 'uefi' {
  const settings = hardware === undefined ? [] : childElements(hardware, 'Config')
  for (const node of settings) {
    const key = node.attributes.find(({ name }) => localName(name) === 'key')?.value
    if (key !== 'firmware') continue
    reader.take(node)
    for (const name of ['key', 'required']) reader.attribute(node, name)
    return reader.attribute(node, 'value')?.toLowerCase() === 'efi' ? 'uefi' : 'bios'
  }
  const machine = reader.child(virtualBox, 'Hardware')
  return /^efi/i.test(reader.attribute(reader.child(machine, 'Firmware'), 'type') ?? '') ? 'uefi' : 'bios'
}

// VMware's section lists devices by the instance ids of their items.
function withBootOrder(hardware: OvfHardware, system: XmlElement, reader: TreeReader): readonly DescribedDisk[] {
  const order = new Map<string, number>()
  for (const section of reader.children(system, 'BootOrderSection')) {
    for (const name of ['instanceId', 'type', 'required']) reader.attribute(section, name)
    const item = section.attributes.find((attribute) => localName(attribute.name) === 'instanceId')?.value
    const disk = item === undefined ? undefined : hardware.diskByItem.get(item)
    if (disk !== undefined && !order.has(disk)) order.set(disk, order.size + 1)
  }
  return hardware.disks.map((disk) => {
    const bootOrder = order.get(disk.id)
    return bootOrder === undefined ? disk : { ...disk, bootOrder }
  })
}

// What stands beside the machines concerns all of them; what stands in another machine does not.
function unreadOutside(envelope: XmlElement, reader: TreeReader): readonly Note[] {
  const outside = {
    ...envelope,
    children: envelope.children.filter((node) => node.kind !== 'element' || !isSystem(node)),
  }
  return reader.unread(outside, whyUnread)
}

function isSystem(node: XmlElement): boolean {
  return ['VirtualSystem', 'VirtualSystemCollection'].includes(localName(node.name))
}
