import type { DiskId, DiskSpec } from '@holdfast/core'
import type { DescribedDisk } from '@holdfast/descriptions'
import type { BlockDevice, BlockNode } from '@holdfast/protocol-qmp'

/** A disk of a running machine. */
export interface AttachedDisk {
  readonly id: DiskId
  /** The device that the guest sees: its path in QEMU's object tree. */
  readonly qdev: string
  /** What the guest reads and writes. */
  readonly node: BlockNode
  readonly spec: Omit<DiskSpec, 'id' | 'sizeBytes'>
}

/**
 * Names the disks of a machine. Left out are drives whose medium can be taken out, and the firmware's own flash memory.
 *
 * A disk that the definition knows by its file has the name that it has there (`vda`); another has that of its device.
 */
export function attachedDisks(
  devices: readonly BlockDevice[],
  nodes: readonly BlockNode[],
  described: readonly DescribedDisk[],
): readonly AttachedDisk[] {
  const taken = new Set<string>()
  return devices.flatMap(({ device, qdev, isRemovable, node }) => {
    if (node === undefined || qdev === undefined || isRemovable || isFirmware(device, qdev)) return []
    const known = described.find(({ file }) => file !== undefined && file === node.filename)
    const id = unique(known?.id ?? deviceName(device, qdev), taken)
    // The list of nodes tells more of a node than that of devices does.
    const full = nodes.find(({ nodeName }) => nodeName === node.nodeName) ?? node
    return [{ id: id as DiskId, qdev, node: full, spec: specOf(known, qdev) }]
  })
}

function isFirmware(device: string, qdev: string): boolean {
  return device.startsWith('pflash') || qdev.includes('/system.flash')
}

/** `/machine/peripheral/vd0/virtio-backend` is `vd0`; a device without a name is called as its drive. */
function deviceName(device: string, qdev: string): string {
  const parts = qdev.split('/').filter((part) => part !== '' && part !== 'virtio-backend')
  const last = parts.at(-1) ?? qdev
  const name = parts.includes('peripheral-anon') && device !== '' ? device : last
  return name.replace(/[^A-Za-z0-9._-]+/g, '-').replace(/^[-.]+|-+$/g, '') || 'disk'
}

function unique(name: string, taken: Set<string>): string {
  let free = name
  for (let more = 2; taken.has(free); more++) free = `${name}-${more}`
  taken.add(free)
  return free
}

function specOf(known: DescribedDisk | undefined, qdev: string): AttachedDisk['spec'] {
  if (known === undefined) return qdev.endsWith('/virtio-backend') ? { bus: 'virtio' } : {}
  const { label, bus, bootOrder } = known
  return {
    ...(label !== undefined && { label }),
    ...(bus !== undefined && { bus }),
    ...(bootOrder !== undefined && { bootOrder }),
  }
}
