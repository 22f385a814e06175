import type { DescribedDisk, ImageFormatName, Note } from '../described-machine.js'
import { diskId } from '../identity.js'
import { childElements, localName, textOf, type XmlElement } from '../xml/element.js'
import type { TreeReader } from '../xml/unread-parts.js'
import { libvirtNumber, wrongValue } from './libvirt-values.js'

const buses = ['scsi', 'sata', 'ide', 'nvme', 'virtio', 'xen'] as const
const imageFormats: Readonly<Record<string, ImageFormatName>> = {
  raw: 'raw',
  qcow2: 'qcow2',
  vmdk: 'vmdk',
  vhdx: 'vhdx',
  vpc: 'vhd',
}

/** A disk, or none, with what else there is to say. */
export interface DiskAndNotes {
  readonly disk?: DescribedDisk
  readonly notes: readonly Note[]
}

/** Reads one `<disk>`; drives with removable media become notes. @throws BackupError `E_SOURCE_INVALID` */
export function libvirtDisk(node: XmlElement, devices: XmlElement, reader: TreeReader): DiskAndNotes {
  const target = reader.child(node, 'target')
  const dev = reader.attribute(target, 'dev')
  const device = reader.attribute(node, 'device') ?? 'disk'
  const notes: Note[] = []
  const note = (what: string, at: XmlElement, why: string) => {
    notes.push({ what: `${what} of disk ${dev ?? ''}`, where: placeOf(at), why })
  }
  if (device !== 'disk' && device !== 'lun') {
    reader.skip(node)
    const what = `${device} ${dev ?? ''}`.trim()
    return { notes: [{ what, where: placeOf(node), why: 'It is not a hard disk: nothing of it is backed up.' }] }
  }
  if (dev === undefined || dev.trim() === '') throw wrongValue(node, 'a disk has no target dev, by which it is named')
  if (device === 'lun') note('SCSI pass-through', node, 'Commands of the guest reach the device itself.')

  const file = fileOf(node, reader, note)
  const imageFormat = formatOf(node, reader, note)
  noteOverlay(node, reader, note)
  const stated = reader.attribute(target, 'bus')
  const bus = buses.find((name) => name === stated)
  if (stated !== undefined && bus === undefined && target !== undefined) {
    note(`bus ${stated}`, target, 'The neutral model has no such bus.')
  }
  const boot = reader.child(node, 'boot')
  const order = reader.attribute(boot, 'order')
  const place = bus === undefined ? {} : placeAtController(node, bus, devices, reader)
  return {
    disk: {
      id: diskId(dev),
      ...(file !== undefined && { file }),
      ...(imageFormat !== undefined && { imageFormat }),
      ...(bus !== undefined && { bus }),
      ...(order !== undefined && { bootOrder: libvirtNumber(order, 1, boot ?? node) }),
      ...place,
    },
    notes,
  }
}

type AddNote = (what: string, at: XmlElement, why: string) => void

function fileOf(node: XmlElement, reader: TreeReader, note: AddNote): string | undefined {
  const type = reader.attribute(node, 'type') ?? 'file'
  const source = reader.child(node, 'source')
  if (source === undefined) {
    note('missing image', node, 'It names no source.')
    return undefined
  }
  if (type === 'file') {
    const file = reader.attribute(source, 'file')
    if (file === undefined || file === '') note('missing image', source, 'Its source names no file.')
    return file === '' ? undefined : file
  }
  if (type === 'block') {
    note('image', source, 'It is a device of the host, not a file.')
    return reader.attribute(source, 'dev')
  }
  const said = source.attributes.map(({ name, value }) => `${name}="${value}"`).join(' ')
  for (const { name } of source.attributes) reader.attribute(source, localName(name))
  note(
    `image on ${type} (${said.slice(0, 200)})`,
    source,
    'It is not a file: whoever reads the disk needs a client for that storage.',
  )
  return undefined
}

function formatOf(node: XmlElement, reader: TreeReader, note: AddNote): ImageFormatName | undefined {
  const driver = reader.child(node, 'driver')
  reader.attribute(driver, 'name')
  const type = reader.attribute(driver, 'type')
  if (driver === undefined || type === undefined) return undefined
  const format = Object.hasOwn(imageFormats, type) ? imageFormats[type] : undefined
  if (format === undefined) note(`image format ${type}`, driver, 'It is none that this package knows.')
  return format
}

// What makes the named file only a part of the disk's content, or another one.
function noteOverlay(node: XmlElement, reader: TreeReader, note: AddNote): void {
  const backing = reader.child(node, 'backingStore')
  if (backing !== undefined && childElements(backing).length > 0) {
    const source = childElements(backing, 'source')[0]
    const base = source?.attributes.map(({ value }) => value).join(' ') ?? ''
    note(`base image (${base.slice(0, 200)})`, backing, 'The image holds only what differs from its base; read both.')
    reader.skip(backing)
  }
  const mirror = reader.child(node, 'mirror')
  if (mirror !== undefined) {
    note(
      'running copy',
      mirror,
      'A block job was copying the disk; the description may name another image when it ends.',
    )
    reader.skip(mirror)
  }
  const encryption = [node, ...childElements(node, 'source')].flatMap((parent) =>
    childElements(parent, 'encryption'),
  )[0]
  if (encryption !== undefined) {
    note('encryption', encryption, 'The image holds encrypted data; the key is a libvirt secret of the host.')
    reader.skip(encryption)
  }
}

function placeAtController(
  node: XmlElement,
  bus: string,
  devices: XmlElement,
  reader: TreeReader,
): Pick<DescribedDisk, 'controller' | 'slot'> {
  const address = childElements(node, 'address').find((each) =>
    each.attributes.some(({ name, value }) => name === 'type' && value === 'drive'),
  )
  if (address === undefined) return {}
  reader.take(address)
  const number = (name: string) => libvirtNumber(reader.attribute(address, name) ?? '0', 0, address)
  reader.attribute(address, 'type')
  const index = number('controller')
  const [channel, target, unit] = [number('bus'), number('target'), number('unit')]
  const controller = childElements(devices, 'controller').find((each) => {
    const value = (name: string) => each.attributes.find((attribute) => attribute.name === name)?.value
    return value('type') === bus && value('index') === String(index)
  })
  if (controller !== undefined) reader.take(controller)
  for (const name of ['type', 'index']) reader.attribute(controller, name)
  const model = reader.attribute(controller, 'model')
  return {
    controller: { name: `${bus}${index}`, ...(model !== undefined && { model }) },
    // An IDE controller has two channels of two units; a SCSI target has units of its own.
    slot: bus === 'ide' ? channel * 2 + unit : target > 0 ? target : unit,
  }
}

/** Tells where an element is, as a note does. */
export function placeOf(node: XmlElement): string {
  const said = textOf(node).slice(0, 80)
  return `${node.name}${node.line === undefined ? '' : ` (line ${node.line})`}${said === '' ? '' : `: ${said}`}`
}
