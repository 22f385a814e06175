import { type BlockNode, readBlockNode } from './block-nodes.js'
import { flagOf, listOf, optional, recordOf, textOf } from './fields.js'

/** A disk or drive of the machine. */
export interface BlockDevice {
  /** Name of the old kind (`-drive`); empty for a disk made with `-blockdev`. */
  readonly device: string
  /** Path or id of the guest's device, such as `/machine/peripheral/vd0/virtio-backend`. */
  readonly qdev: string | undefined
  readonly isRemovable: boolean
  /** The node that the guest reads and writes; undefined for an empty drive. */
  readonly node: BlockNode | undefined
}

/** Reads the answer to `query-block`. */
export function readBlockDevices(value: unknown): readonly BlockDevice[] {
  return listOf(value, 'The list of devices', (member, where) => {
    const device = recordOf(member, where)
    return {
      device: textOf(device['device'], 'The name of a device'),
      qdev: optional(device['qdev'], 'The qdev of a device', textOf),
      isRemovable: flagOf(device['removable'], 'removable of a device'),
      node: optional(device['inserted'], 'The medium of a device', readBlockNode),
    }
  })
}
