import { Buffer } from 'node:buffer'
import { randomBytes } from 'node:crypto'
import { ImageError } from '../image/image-error.js'
import { sectorBytes } from './sectors.js'
import type { VmdkAdapterType, VmdkGeometry, VmdkKind, VmdkWriterOptions } from './vmdk-writer-options.js'

/** Sectors that a sparse extent keeps for its descriptor, as every product does. */
const embeddedDescriptorSectors = 20

/** An extent of a new disk. */
export interface NewExtent {
  readonly sectors: number
  readonly type: 'SPARSE' | 'FLAT' | 'VMFS'
  readonly name: string
}

/** Identities of a new disk. */
export interface NewIdentity {
  readonly cid: string
  /** 128 bits that end with the content id. */
  readonly longContentId: string
  readonly parentCid: string
}

/** Content ids that products take for "no parent" and "not known yet". */
const reservedCids = ['ffffffff', 'fffffffe']
const unknownToolsVersion = 2 ** 31 - 1
const compatibleHardware = 4

/** Gives a new disk its identities. @throws ImageError `unsupported` for a parent that is no VMDK */
export function newIdentity({ cid, parent }: Pick<VmdkWriterOptions, 'cid' | 'parent'>): NewIdentity {
  const own = cid?.toLowerCase() ?? randomCid()
  const layer = parent?.image.layers[0]
  if (layer !== undefined && (layer.format !== 'vmdk' || layer.identity === undefined))
    throw new ImageError('unsupported', `The parent of a VMDK must be one, not ${layer.format}`, {
      hint: 'Convert the parent first.',
    })
  return {
    cid: own,
    longContentId: cid === undefined ? randomBytes(12).toString('hex') + own : own.repeat(4),
    parentCid: layer?.identity ?? 'ffffffff',
  }
}

function randomCid(): string {
  for (;;) {
    const cid = randomBytes(4).toString('hex')
    if (!reservedCids.includes(cid)) return cid
  }
}

/** Writes the descriptor (Virtual Disk Format 5.0, "The Descriptor File"); readers look for the CID before all else. */
export function describeDisk(
  kind: VmdkKind,
  extents: readonly NewExtent[],
  { cid, longContentId, parentCid }: NewIdentity,
  options: VmdkWriterOptions,
): Uint8Array {
  const { parent, adapterType = 'lsilogic', hardwareVersion = compatibleHardware } = options
  const { toolsVersion = unknownToolsVersion, thinProvisioned = false, sizeBytes } = options
  const { cylinders, heads, sectors } = options.geometry ?? defaultGeometry(sizeBytes, adapterType)
  const database: readonly (readonly [name: string, value: string | number])[] = [
    ['adapterType', adapterType],
    ['geometry.cylinders', cylinders],
    ['geometry.heads', heads],
    ['geometry.sectors', sectors],
    ['longContentID', longContentId],
    ...(thinProvisioned ? [['thinProvisioned', 1] as const] : []),
    ['toolsVersion', toolsVersion],
    ['virtualHWVersion', hardwareVersion],
  ]
  const lines = [
    '# Disk DescriptorFile',
    'version=1',
    'encoding="UTF-8"',
    `CID=${cid}`,
    `parentCID=${parentCid}`,
    `createType="${kind}"`,
    ...(parent === undefined ? [] : [`parentFileNameHint="${parent.fileNameHint}"`]),
    '',
    '# Extent description',
    ...extents.map(extentLine),
    '',
    '# The Disk Data Base',
    '#DDB',
    '',
    ...database.map(([name, value]) => `ddb.${name} = "${value}"`),
    '',
  ]
  return Buffer.from(lines.join('\n'), 'utf8')
}

function extentLine({ sectors, type, name }: NewExtent): string {
  return `RW ${sectors} ${type} "${name}"${type === 'FLAT' ? ' 0' : ''}`
}

/** Pads a descriptor to the sectors that an extent keeps for it. @throws ImageError `limit` */
export function embeddedDescriptor(text: Uint8Array): Uint8Array {
  const room = embeddedDescriptorSectors * sectorBytes
  if (text.byteLength > room)
    throw new ImageError('limit', `The descriptor has ${text.byteLength} bytes; the extent has room for ${room}`, {
      hint: 'Name the parent by a shorter path.',
    })
  const padded = new Uint8Array(room)
  padded.set(text)
  return padded
}

/** The geometry that VMware and QEMU give disks of an adapter. */
function defaultGeometry(sizeBytes: number, adapterType: VmdkAdapterType): VmdkGeometry {
  const [heads, sectors, most] = adapterType === 'ide' ? [16, 63, 16_383] : [255, 63, 65_535]
  const cylinders = Math.floor(sizeBytes / (heads * sectors * sectorBytes))
  return { cylinders: Math.min(most, Math.max(1, cylinders)), heads, sectors }
}
