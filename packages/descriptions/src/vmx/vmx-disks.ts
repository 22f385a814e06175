import type { DescribedDisk, Note } from '../described-machine.js'
import { invalidDescription } from '../errors.js'
import { diskId } from '../identity.js'
import { limits } from '../limits.js'
import type { VmwareBus } from '../vmware/vmware-bus.js'
import type { VmxDictionary } from './vmx-dictionary.js'
import type { VmxReader } from './vmx-reader.js'

const diskKey = /^(scsi|sata|nvme|ide)([0-9]{1,3}):([0-9]{1,3})\./
const hardDisks = new Set(['disk', 'scsi-harddisk', 'ata-harddisk', 'rawdisk', 'plaindisk'])

/** Reads the disks; whatever else hangs at their controllers becomes a note. @throws BackupError `E_SOURCE_INVALID` */
export function vmxDisks(
  dictionary: VmxDictionary,
  reader: VmxReader,
): { readonly disks: readonly DescribedDisk[]; readonly notes: readonly Note[] } {
  const found = attachments(dictionary).map((at) => diskOrNote(at, reader))
  const disks = found.flatMap(({ disk }) => disk ?? [])
  const notes = found.flatMap((each) => each.notes)
  return { disks: inBootOrder(disks, reader), notes }
}

interface Attachment {
  readonly bus: VmwareBus
  readonly controller: string
  readonly slot: number
  readonly name: string
}

/** Every place at a controller that some key names, in the order of controllers and slots. */
export function attachments({ entries }: VmxDictionary): readonly Attachment[] {
  const found = new Map<string, Attachment>()
  for (const key of entries.keys()) {
    const match = diskKey.exec(key)
    if (match === null) continue
    const bus = match[1] as VmwareBus
    const controller = `${bus}${Number(match[2])}`
    const name = `${controller}:${Number(match[3])}`
    // `scsi0:00` would be another spelling of `scsi0:0`; VMware knows one.
    if (`${name}.` === match[0]) found.set(name, { bus, controller, slot: Number(match[3]), name })
    if (found.size > limits.devices) {
      throw invalidDescription(
        'vmx',
        `it has more than ${limits.devices} disks`,
        { element: name },
        'Give a description of a machine.',
      )
    }
  }
  return [...found.values()].sort(
    (a, b) => a.controller.localeCompare(b.controller, 'en', { numeric: true }) || a.slot - b.slot,
  )
}

function diskOrNote(
  { bus, controller, slot, name }: Attachment,
  reader: VmxReader,
): { readonly disk?: DescribedDisk; readonly notes: readonly Note[] } {
  const key = (setting: string) => `${name}.${setting}`
  const note = (what: string, keys: readonly string[], why: string): Note => ({ what, where: reader.where(keys), why })
  const type = (reader.text(key('deviceType')) ?? 'disk').toLowerCase()
  const isOn = reader.flag(key('present')) === true
  const hasController = bus === 'ide' || reader.flag(`${controller}.present`) === true
  if (!isOn || !hasController) {
    const why = isOn ? `Its controller ${controller} is not present.` : 'It is not present.'
    return { notes: [note(`device ${name}`, reader.takeAll(`${name}.`), why)] }
  }
  const file = reader.text(key('fileName'))
  if (!hardDisks.has(type)) {
    return {
      notes: [
        note(`${type} at ${name}`, reader.takeAll(`${name}.`), 'It is not a hard disk: nothing of it is backed up.'),
      ],
    }
  }
  if (file === undefined) {
    return { notes: [note(`disk ${name}`, reader.takeAll(`${name}.`), 'It names no image.')] }
  }
  const mode = reader.text(key('mode'))?.toLowerCase()
  const model = reader.text(`${controller}.virtualDev`)
  const notes: Note[] = []
  if (mode?.startsWith('independent')) {
    notes.push(
      note(
        `mode of disk ${name}: ${mode}`,
        [key('mode')],
        'Snapshots leave it out; after a restore it is as stated only if the native text is used.',
      ),
    )
  } else if (mode !== undefined && mode !== 'persistent') {
    notes.push(
      note(`mode of disk ${name}: ${mode}`, [key('mode')], 'Its changes are kept in a redo log beside the image.'),
    )
  }
  if (type === 'rawdisk' || type === 'plaindisk') {
    notes.push(
      note(`disk ${name} is a host's disk`, [key('deviceType')], 'Its image only refers to a device of the host.'),
    )
  }
  return {
    disk: {
      id: diskId(name),
      file,
      imageFormat: 'vmdk',
      bus,
      controller: { name: controller, ...(model !== undefined && { model }) },
      slot,
    },
    notes,
  }
}

// `bios.hddOrder` lists disks; one that it leaves out has no order.
function inBootOrder(disks: readonly DescribedDisk[], reader: VmxReader): readonly DescribedDisk[] {
  const listed = reader.text('bios.hddOrder')?.toLowerCase().split(/[,;]/).slice(0, limits.devices) ?? []
  const order = new Map(listed.map((name, index) => [name.trim(), index + 1]))
  return disks.map((disk) => {
    const bootOrder = order.get(disk.id)
    return bootOrder === undefined ? disk : { ...disk, bootOrder }
  })
}
