import type { NicSpec } from '@holdfast/core'
import type { DescribedDisk, Note } from '../described-machine.js'
import { diskId, macOf } from '../identity.js'
import { limits } from '../limits.js'
import { printable } from '../printable.js'
import { bytesPerUnit } from './allocation-units.js'
import type { OvfDisk } from './ovf-disks.js'
import { itemTitle, type OvfItem, placeOf } from './ovf-items.js'
import type { OvfFile } from './ovf-package.js'
import { ovfNumber, wrongOvf } from './ovf-values.js'

/** What the items of a machine say. */
export interface OvfHardware {
  readonly cpus?: number
  readonly memoryBytes?: number
  readonly disks: readonly DescribedDisk[]
  readonly nics: readonly NicSpec[]
  /** Disk by the instance id of its item. */
  readonly diskByItem: ReadonlyMap<string, string>
  readonly notes: readonly Note[]
}

const cpuType = 3
const memoryType = 4
const nicType = 10
const diskTypes = [17, 31]
const controllerTypes: Readonly<Record<number, 'ide' | 'scsi' | 'other'>> = { 5: 'ide', 6: 'scsi', 20: 'other' }
const removable: Readonly<Record<number, string>> = { 14: 'floppy', 15: 'CD', 16: 'DVD' }

interface Controller {
  readonly name: string
  readonly bus?: NonNullable<DescribedDisk['bus']>
  readonly model?: string
}

/** Reads the items by their resource type. @throws BackupError `E_SOURCE_INVALID` */
export function ovfHardware(
  items: readonly OvfItem[],
  disks: ReadonlyMap<string, OvfDisk>,
  files: ReadonlyMap<string, OvfFile>,
): OvfHardware {
  const notes: Note[] = []
  const cpu = items.find(({ type }) => type === cpuType)
  const memory = items.find(({ type }) => type === memoryType)
  const controllers = controllersOf(items, notes)
  const diskByItem = new Map<string, string>()
  const attached = items.flatMap((item) => {
    if (!diskTypes.includes(item.type)) return []
    const disk = diskOf(item, controllers, disks, files, notes)
    if (disk !== undefined) diskByItem.set(item.instanceId, disk.id)
    return disk ?? []
  })
  for (const item of items) {
    const kind = removable[item.type]
    const isKnown = [cpuType, memoryType, nicType, ...diskTypes].includes(item.type) || item.type in controllerTypes
    if (isKnown) continue
    item.skip()
    const why =
      kind === undefined ? 'The neutral model has no equal.' : 'It is not a hard disk: nothing of it is backed up.'
    notes.push({ what: kind ?? `device of type ${item.type}: ${itemTitle(item.node)}`, where: placeOf(item.node), why })
  }
  const nics = items.filter(({ type }) => type === nicType)
  const surplus = nics[limits.devices]
  if (surplus !== undefined) throw wrongOvf(surplus.node, `a machine has more than ${limits.devices} network cards`)
  const cpus = cpu === undefined ? undefined : cpusOf(cpu)
  const memoryBytes = memory === undefined ? undefined : memoryOf(memory)
  return {
    ...(cpus !== undefined && { cpus }),
    ...(memoryBytes !== undefined && { memoryBytes }),
    disks: attached,
    nics: nics.map(nicOf),
    diskByItem,
    notes,
  }
}

function cpusOf(item: OvfItem): number {
  item.text('AllocationUnits')
  const cpus = ovfNumber(item.text('VirtualQuantity') ?? '', item.node)
  if (cpus < 1) throw wrongOvf(item.node, 'a machine has at least one CPU')
  return cpus
}

function memoryOf(item: OvfItem): number {
  const units = item.text('AllocationUnits') ?? 'byte * 2^20'
  const factor = bytesPerUnit(units)
  if (factor === undefined)
    throw wrongOvf(item.node, `the memory is in '${printable(units)}', which does not count bytes`)
  const bytes = ovfNumber(item.text('VirtualQuantity') ?? '', item.node) * factor
  if (bytes < 1 || !Number.isSafeInteger(bytes)) throw wrongOvf(item.node, 'the memory must be a size')
  return bytes
}

function nicOf(item: OvfItem): NicSpec {
  // Which slot the card sits in is the hypervisor's own numbering.
  item.text('AddressOnParent')
  const macAddress = macOf(item.text('Address'))
  const network = item.text('Connection')
  const model = item.text('ResourceSubType')
  return {
    ...(macAddress !== undefined && { macAddress }),
    ...(network !== undefined && { network }),
    ...(model !== undefined && { model }),
  }
}

function controllersOf(items: readonly OvfItem[], notes: Note[]): ReadonlyMap<string, Controller> {
  const counts = new Map<string, number>()
  const controllers = new Map<string, Controller>()
  for (const item of items) {
    const kind = controllerTypes[item.type]
    if (kind === undefined) continue
    const model = item.text('ResourceSubType')
    const bus = kind === 'other' ? otherBus(model) : kind
    if (bus === undefined) {
      const what = `controller ${printable(model ?? itemTitle(item.node))}`
      notes.push({ what, where: placeOf(item.node), why: 'The neutral model has no such bus.' })
    }
    const number = counts.get(bus ?? kind) ?? 0
    counts.set(bus ?? kind, number + 1)
    const address = item.text('Address')
    const index = address !== undefined && /^[0-9]{1,3}$/.test(address) ? Number(address) : number
    controllers.set(item.instanceId, {
      name: `${bus ?? kind}${index}`,
      ...(bus && { bus }),
      ...(model !== undefined && { model }),
    })
  }
  return controllers
}

function otherBus(model = ''): 'sata' | 'nvme' | 'virtio' | undefined {
  const text = model.toLowerCase()
  if (text.includes('nvme')) return 'nvme'
  if (text.includes('ahci') || text.includes('sata')) return 'sata'
  return text === 'virtio' ? 'virtio' : undefined
}

function diskOf(
  item: OvfItem,
  controllers: ReadonlyMap<string, Controller>,
  disks: ReadonlyMap<string, OvfDisk>,
  files: ReadonlyMap<string, OvfFile>,
  notes: Note[],
): DescribedDisk | undefined {
  const resource = item.text('HostResource')
  const [, kind, name] = /^(?:ovf:)?\/(disk|file)\/(.{1,4096})$/s.exec(resource ?? '') ?? []
  const disk = kind === 'disk' && name !== undefined ? disks.get(name) : undefined
  const file = kind === 'file' && name !== undefined ? files.get(name) : undefined
  if (kind !== undefined && disk === undefined && file === undefined) {
    throw wrongOvf(item.node, `there is no ${kind} ${printable(name ?? '')} for the item`)
  }
  if (kind === undefined || name === undefined) {
    const why = 'It names no disk of this package.'
    notes.push({
      what: `disk ${itemTitle(item.node)}`,
      where: `${placeOf(item.node)}: ${printable(resource ?? '')}`,
      why,
    })
    return undefined
  }
  notes.push(...(disk?.notes ?? []))
  const parent = item.text('Parent')
  const controller = parent === undefined ? undefined : controllers.get(parent)
  const slot = item.text('AddressOnParent')
  const path = disk?.file ?? file?.href
  return {
    id: diskId(name),
    ...(path !== undefined && { file: path }),
    ...(disk?.sizeBytes !== undefined && { sizeBytes: disk.sizeBytes }),
    ...(disk?.imageFormat !== undefined && { imageFormat: disk.imageFormat }),
    ...(controller?.bus !== undefined && { bus: controller.bus }),
    ...(controller !== undefined && {
      controller: { name: controller.name, ...(controller.model !== undefined && { model: controller.model }) },
    }),
    ...(slot !== undefined && /^[0-9]{1,4}$/.test(slot) && { slot: Number(slot) }),
  }
}
