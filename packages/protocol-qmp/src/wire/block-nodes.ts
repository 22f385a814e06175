import { flagOf, type JsonRecord, listOf, optional, recordOf, sizeOf, textOf } from './fields.js'

/** A named dirty bitmap of a node. */
export interface DirtyBitmap {
  readonly name: string
  readonly granularityBytes: number
  /** Bytes that the bitmap calls dirty, in whole granules. */
  readonly dirtyBytes: number
  /** False for a bitmap that is disabled. */
  readonly isRecording: boolean
  /** True while an export or a job uses it: it cannot be changed then. */
  readonly isBusy: boolean
  readonly isPersistent: boolean
  /** True after a crash of QEMU: the bitmap is of no use, and can only be removed. */
  readonly isInconsistent: boolean
}

/** A node of QEMU's block graph. */
export interface BlockNode {
  readonly nodeName: string
  /** Such as `qcow2`, `raw`, `file`. */
  readonly driver: string
  readonly isReadOnly: boolean
  /** As QEMU prints it: a path, a URI, or `json:{…}`. */
  readonly filename: string
  /** The size that a guest sees. */
  readonly sizeBytes: number
  /** What the node takes on its storage; undefined where the driver does not know. */
  readonly allocatedBytes: number | undefined
  /** Bitmaps can be kept in the image: it is QCOW2 of version 3. */
  readonly canKeepBitmaps: boolean
  /** Bitmaps without a name are QEMU's own and left out. */
  readonly bitmaps: readonly DirtyBitmap[]
}

/** Reads the answer to `query-named-block-nodes`. */
export function readBlockNodes(value: unknown): readonly BlockNode[] {
  return listOf(value, 'The list of nodes', readBlockNode)
}

/** Reads one `BlockDeviceInfo`. */
export function readBlockNode(value: unknown, where: string): BlockNode {
  const node = recordOf(value, where)
  const image = recordOf(node['image'], 'The image of a node')
  const bitmaps = optional(node['dirty-bitmaps'], 'The bitmaps of a node', (list, name) =>
    listOf(list, name, readBitmap),
  )
  const driver = textOf(node['drv'], 'The driver of a node')
  return {
    nodeName: optional(node['node-name'], 'The name of a node', textOf) ?? '',
    driver,
    isReadOnly: flagOf(node['ro'], 'ro of a node'),
    filename: textOf(node['file'], 'The file of a node'),
    sizeBytes: sizeOf(image['virtual-size'], 'The size of an image'),
    allocatedBytes: optional(image['actual-size'], 'The allocated size of an image', sizeOf),
    canKeepBitmaps: driver === 'qcow2' && qcow2Version(image) === '1.1',
    bitmaps: bitmaps?.filter((bitmap) => bitmap !== undefined) ?? [],
  }
}

/** Versions are told as those of QEMU that brought them: `0.10` for 2, `1.1` for 3. */
function qcow2Version(image: JsonRecord): unknown {
  const specific = optional(image['format-specific'], 'What is specific to a format', recordOf)
  return optional(specific?.['data'], 'The data of what is specific to a format', recordOf)?.['compat']
}

function readBitmap(value: unknown, where: string): DirtyBitmap | undefined {
  const bitmap = recordOf(value, where)
  const name = optional(bitmap['name'], 'The name of a bitmap', textOf)
  if (name === undefined || name === '') return undefined
  return {
    name,
    granularityBytes: sizeOf(bitmap['granularity'], 'The granularity of a bitmap'),
    dirtyBytes: sizeOf(bitmap['count'], 'The count of a bitmap'),
    isRecording: flagOf(bitmap['recording'], 'recording of a bitmap'),
    isBusy: flagOf(bitmap['busy'], 'busy of a bitmap'),
    isPersistent: flagOf(bitmap['persistent'], 'persistent of a bitmap'),
    isInconsistent: optional(bitmap['inconsistent'], 'inconsistent of a bitmap', flagOf) ?? false,
  }
}
