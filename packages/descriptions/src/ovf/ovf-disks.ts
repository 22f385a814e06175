import type { ImageFormatName, Note } from '../described-machine.js'
import { limits } from '../limits.js'
import { printable } from '../printable.js'
import type { XmlElement } from '../xml/element.js'
import type { TreeReader } from '../xml/unread-parts.js'
import { bytesPerUnit } from './allocation-units.js'
import type { OvfFile } from './ovf-package.js'
import { ovfNumber, wrongOvf } from './ovf-values.js'

/** A disk of the DiskSection. */
export interface OvfDisk {
  readonly diskId: string
  readonly file?: string
  readonly sizeBytes?: number
  readonly imageFormat?: ImageFormatName
  readonly notes: readonly Note[]
}

/** Reads References. @throws BackupError `E_SOURCE_INVALID` */
export function ovfFiles(envelope: XmlElement, reader: TreeReader): ReadonlyMap<string, OvfFile> {
  const files = new Map<string, OvfFile>()
  for (const node of reader.children(reader.child(envelope, 'References'), 'File')) {
    const id = reader.attribute(node, 'id')
    const href = reader.attribute(node, 'href')
    if (id === undefined || href === undefined || href === '') throw wrongOvf(node, 'a file needs an id and a href')
    if (files.has(id)) throw wrongOvf(node, `two files have the id ${printable(id)}`)
    if (files.size >= limits.files) throw wrongOvf(node, `it refers to more than ${limits.files} files`)
    const size = reader.attribute(node, 'size')
    const compression = reader.attribute(node, 'compression')
    const chunk = reader.attribute(node, 'chunkSize')
    const isPacked = compression !== undefined && compression !== '' && compression !== 'identity'
    files.set(id, {
      id,
      href,
      // Templates leave a placeholder where the size will be; the size is only an announcement.
      ...(size !== undefined && /^[0-9]{1,15}$/.test(size) && { sizeBytes: Number(size) }),
      ...(isPacked && { compression }),
      ...(chunk !== undefined && { chunkBytes: ovfNumber(chunk, node) }),
    })
  }
  return files
}

/** Reads the DiskSection, OVF 1 and 2. @throws BackupError `E_SOURCE_INVALID` */
export function ovfDisks(
  envelope: XmlElement,
  files: ReadonlyMap<string, OvfFile>,
  reader: TreeReader,
): ReadonlyMap<string, OvfDisk> {
  const disks = new Map<string, OvfDisk>()
  for (const section of reader.children(envelope, 'DiskSection')) {
    for (const node of reader.children(section, 'Disk')) {
      const disk = ovfDisk(node, files, reader)
      if (disks.has(disk.diskId)) throw wrongOvf(node, `two disks have the diskId ${printable(disk.diskId)}`)
      if (disks.size >= limits.files) throw wrongOvf(node, `it has more than ${limits.files} disks`)
      disks.set(disk.diskId, disk)
    }
  }
  return disks
}

function ovfDisk(node: XmlElement, files: ReadonlyMap<string, OvfFile>, reader: TreeReader): OvfDisk {
  const diskId = reader.attribute(node, 'diskId')
  if (diskId === undefined || diskId === '') throw wrongOvf(node, 'a disk has no diskId, by which it is named')
  const notes: Note[] = []
  const where = `${node.name}${node.line === undefined ? '' : ` (line ${node.line})`}`
  const note = (what: string, why: string) => notes.push({ what: `${what} of disk ${printable(diskId)}`, where, why })
  if (reader.attribute(node, 'parentRef') !== undefined) {
    const hint = 'Export the machine again without delta disks: the file holds only what differs from another disk.'
    throw wrongOvf(node, `disk ${printable(diskId)} is a delta of another one (parentRef)`, hint)
  }
  const fileRef = reader.attribute(node, 'fileRef')
  const file = fileRef === undefined ? undefined : files.get(fileRef)
  if (fileRef !== undefined && file === undefined) {
    throw wrongOvf(node, `the References have no file ${printable(fileRef)}`)
  }
  if (file === undefined) note('missing image', 'It is an empty disk: nothing has to be read.')
  else noteFile(file, note)
  const stated = reader.attribute(node, 'format')
  const imageFormat = stated === undefined ? undefined : formatOf(stated)
  if (stated !== undefined && imageFormat === undefined)
    note(`image format ${printable(stated)}`, 'It is none that this package knows.')
  const sizeBytes = capacityOf(node, reader, note)
  // How much of the disk is in use is an estimate.
  reader.attribute(node, 'populatedSize')
  return {
    diskId,
    ...(file !== undefined && { file: file.href }),
    ...(sizeBytes !== undefined && { sizeBytes }),
    ...(imageFormat !== undefined && { imageFormat }),
    notes,
  }
}

function noteFile(file: OvfFile, note: (what: string, why: string) => void): void {
  if (file.compression !== undefined)
    note(`compression ${printable(file.compression)}`, 'Unpack the file before the image is read.')
  if (file.chunkBytes !== undefined) note('parts', 'The file is cut into parts; join them before the image is read.')
}

function capacityOf(
  node: XmlElement,
  reader: TreeReader,
  note: (what: string, why: string) => void,
): number | undefined {
  const text = reader.attribute(node, 'capacity')
  const units = reader.attribute(node, 'capacityAllocationUnits') ?? 'byte'
  if (text === undefined) return undefined
  if (text.startsWith('${')) {
    note(
      `capacity ${printable(text)}`,
      'It is a property that is set when the package is deployed; the image says the size.',
    )
    return undefined
  }
  const factor = bytesPerUnit(units)
  if (factor === undefined) throw wrongOvf(node, `the capacity is in '${printable(units)}', which does not count bytes`)
  const bytes = ovfNumber(text, node) * factor
  if (!Number.isSafeInteger(bytes) || bytes === 0) throw wrongOvf(node, 'the capacity must be a size')
  return bytes
}

// The URI names a specification; tools differ in all but the word that matters.
function formatOf(uri: string): ImageFormatName | undefined {
  const text = uri.slice(0, 512).toLowerCase()
  if (text.includes('vmdk')) return 'vmdk'
  if (text.includes('qcow')) return 'qcow2'
  if (text.includes('vhdx')) return 'vhdx'
  // The link identifier is that of Microsoft's specification of VHD.
  if (text.includes('vhd') || text.includes('linkid=137171')) return 'vhd'
  return text.includes('raw') ? 'raw' : undefined
}
