import type { Machine } from '@holdfast/core'
import type { RestoredDisk } from '../attach-disks.js'
import { mappedNetwork } from '../guest-values.js'
import { diskId } from '../identity.js'
import { printable } from '../printable.js'
import type { Mapping, WriteOptions, WrittenDescription } from '../written-description.js'
import {
  appended,
  childElements,
  element,
  withAttributes,
  withChild,
  type XmlElement,
  type XmlNode,
} from '../xml/element.js'
import { parseXml } from '../xml/parse-xml.js'
import { serializeXml } from '../xml/serialize-xml.js'
import { diskElements, diskSource, driverType, nicSource } from './libvirt-devices.js'
import { libvirtTargets } from './libvirt-targets.js'
import { readLibvirt } from './read-libvirt.js'

/**
 * Puts name, disks and whatever differs into a domain's XML and leaves all else as it is, comments included.
 *
 * @throws BackupError `E_SOURCE_INVALID` when the native text is no domain
 */
export function editLibvirt(
  native: string,
  machine: Machine,
  disks: readonly RestoredDisk[],
  options: WriteOptions,
): WrittenDescription {
  const before = readLibvirt(native)
  const report: Mapping[] = []
  // The id is that of the running domain.
  let domain = withAttributes(parseXml(native, 'libvirt-xml'), { id: undefined })
  const set = (name: string, child: XmlElement | undefined) => {
    domain = withChild(domain, name, child)
  }
  if (machine.name !== before.name) set('name', element('name', {}, machine.name))
  if (machine.cpus !== undefined && machine.cpus !== before.cpus) set('vcpu', element('vcpu', {}, String(machine.cpus)))
  if (machine.memoryBytes !== undefined && machine.memoryBytes !== before.memoryBytes) {
    set('memory', element('memory', { unit: 'KiB' }, String(Math.ceil(machine.memoryBytes / 1024))))
    set('currentMemory', undefined)
  }
  if (machine.firmware !== undefined && machine.firmware !== before.firmware)
    domain = withFirmware(domain, machine.firmware)
  if (options.identity === 'new') {
    set('uuid', undefined)
    set('sysinfo', undefined)
    report.push({ what: 'uuid', from: before.id, to: 'generated', why: 'A new identity was asked for.' })
  }
  // A domain that has no devices yet gets its disks all the same.
  if (childElements(domain, 'devices').length === 0) set('devices', element('devices'))
  for (const devices of childElements(domain, 'devices').slice(0, 1)) {
    set(
      'devices',
      editedDevices(
        devices,
        before.disks.map(({ id }) => id),
        disks,
        options,
        report,
      ),
    )
  }
  return { text: serializeXml(domain), report }
}

function withFirmware(domain: XmlElement, firmware: 'bios' | 'uefi'): XmlElement {
  const os = childElements(domain, 'os')[0]
  if (os === undefined) return domain
  const plain = ['loader', 'nvram', 'firmware'].reduce((node, name) => withChild(node, name, undefined), os)
  return withChild(domain, 'os', withAttributes(plain, { firmware: firmware === 'uefi' ? 'efi' : 'bios' }))
}

function editedDevices(
  devices: XmlElement,
  known: readonly string[],
  disks: readonly RestoredDisk[],
  options: WriteOptions,
  report: Mapping[],
): XmlElement {
  const restored = new Map(disks.map((disk) => [String(disk.spec.id), disk]))
  const children = devices.children.flatMap((node): readonly XmlNode[] => {
    if (node.kind !== 'element') return [node]
    if (node.name === 'interface') return [editedNic(node, options, report)]
    if (node.name !== 'disk') return [node]
    const dev = attributeOf(childElements(node, 'target')[0], 'dev') ?? ''
    const id = diskId(dev)
    if (!known.includes(id)) return [withOptionalMedium(node, dev, report)]
    const disk = restored.get(id)
    restored.delete(id)
    if (disk !== undefined) return [editedDisk(node, disk, report)]
    report.push({ what: `disk ${dev}`, from: 'attached', to: 'removed', why: 'It is not among the restored disks.' })
    return []
  })
  const taken = childElements(devices, 'disk').map((node) => attributeOf(childElements(node, 'target')[0], 'dev') ?? '')
  const added = libvirtTargets([...restored.values()], 'keep', true, taken)
  report.push(...added.report)
  for (const { disk } of added.value) {
    report.push({
      what: `disk ${disk.spec.id}`,
      from: 'not in the XML',
      to: 'attached',
      why: 'The native description does not know it.',
    })
  }
  // Without places at controllers: those that the domain has are libvirt's to fill.
  const elements = added.value.length === 0 ? [] : diskElements(added.value, 1).filter(({ name }) => name === 'disk')
  const plain = elements.map((node) => withChild(withChild(node, 'boot', undefined), 'address', undefined))
  return { ...devices, children: plain.length === 0 ? children : appended(children, plain) }
}

// What described the old image: its layers, its keys, its storage.
const imageParts = ['backingStore', 'mirror', 'auth', 'encryption']

function editedDisk(node: XmlElement, { spec, place }: RestoredDisk, report: Mapping[]): XmlElement {
  const { type, source } = diskSource(place.file)
  const dropped = imageParts.filter((name) =>
    childElements(node, name).some((part) => part.children.length > 0 || part.attributes.length > 0),
  )
  if (dropped.length > 0) {
    const why = 'It described the old image; the restored one is complete and in plain.'
    report.push({ what: `disk ${spec.id}`, from: dropped.join(', '), to: 'removed', why })
  }
  const driver = childElements(node, 'driver')[0] ?? element('driver', { name: 'qemu' })
  const before = attributeOf(driver, 'type') ?? 'raw'
  const after = driverType(place.imageFormat)
  if (before !== after) {
    report.push({
      what: `image format of disk ${spec.id}`,
      from: before,
      to: after,
      why: 'The restored image has this format.',
    })
  }
  const plain = imageParts.reduce((disk, name) => withChild(disk, name, undefined), withAttributes(node, { type }))
  return withChild(withChild(plain, 'driver', withAttributes(driver, { type: after })), 'source', source)
}

// A disc that the host no longer has must not keep the machine from starting.
function withOptionalMedium(node: XmlElement, dev: string, report: Mapping[]): XmlElement {
  const source = childElements(node, 'source')[0]
  const file = attributeOf(source, 'file')
  const isRemovable = ['cdrom', 'floppy'].includes(attributeOf(node, 'device') ?? '')
  if (source === undefined || file === undefined || !isRemovable || attributeOf(source, 'startupPolicy') !== undefined)
    return node
  report.push({
    what: `medium of ${dev}`,
    from: printable(file),
    to: 'optional',
    why: 'The medium is not backed up; the machine starts without it.',
  })
  return withChild(node, 'source', withAttributes(source, { startupPolicy: 'optional' }))
}

function editedNic(node: XmlElement, options: WriteOptions, report: Mapping[]): XmlElement {
  const mac = childElements(node, 'mac')[0]
  let edited = node
  if (options.identity === 'new' && mac !== undefined) {
    const from = printable(attributeOf(mac, 'address') ?? '')
    report.push({ what: 'MAC address', from, to: 'generated', why: 'A new identity was asked for.' })
    edited = withChild(edited, 'mac', undefined)
  }
  const source = childElements(node, 'source')[0]
  const network = attributeOf(source, 'network') ?? attributeOf(source, 'bridge') ?? attributeOf(source, 'dev')
  const mapped = mappedNetwork(network, options)
  if (network === undefined || mapped === undefined || mapped === network) return edited
  report.push({
    what: 'network',
    from: printable(network),
    to: printable(mapped),
    why: 'Asked for by the option networks.',
  })
  const target = nicSource(mapped)
  return withChild(withAttributes(edited, { type: target.type }), 'source', target.source)
}

function attributeOf(node: XmlElement | undefined, name: string): string | undefined {
  return node?.attributes.find((attribute) => attribute.name === name)?.value
}
