import { ImageError } from '../image/image-error.js'
import { sectorBytes } from './sectors.js'
import type { VmdkKind, VmdkWriterOptions } from './vmdk-writer-options.js'

/** Largest disk of ESXi, and so of the kinds that it makes. */
const vmfsLimitBytes = 62 * 2 ** 40
/** Largest disk of Workstation. */
const hostedLimitBytes = 8 * 2 ** 40

const sizeLimits: Readonly<Record<VmdkKind, number>> = {
  // Its entries of 32 bits are the narrower limit; the layout knows it.
  monolithicSparse: hostedLimitBytes,
  monolithicFlat: vmfsLimitBytes,
  twoGbMaxExtentSparse: hostedLimitBytes,
  twoGbMaxExtentFlat: hostedLimitBytes,
  vmfs: vmfsLimitBytes,
  streamOptimized: vmfsLimitBytes,
}

/** Kinds whose extents can leave bytes to a parent and be changed grain by grain. */
const childKinds: readonly VmdkKind[] = ['monolithicSparse', 'twoGbMaxExtentSparse']
const singleFileKinds: readonly VmdkKind[] = ['monolithicSparse', 'streamOptimized']

/** Checks what a caller wants of a new disk. @throws ImageError `unsupported`, `limit` */
export function checkOptions(options: VmdkWriterOptions, kind: VmdkKind): void {
  const { sizeBytes, name, parent, create, cid, compressionLevel = 1, thinProvisioned, geometry } = options
  if (!Number.isSafeInteger(sizeBytes) || sizeBytes < sectorBytes || sizeBytes % sectorBytes !== 0)
    throw refused(
      `A VMDK cannot have ${sizeBytes} bytes: it counts sectors of ${sectorBytes}`,
      `Make the disk ${Math.max(1, Math.ceil(sizeBytes / sectorBytes)) * sectorBytes} bytes long; what is never written reads as zeros.`,
    )
  if (sizeBytes > sizeLimits[kind])
    throw new ImageError('limit', `A ${kind} VMDK holds at most ${sizeLimits[kind]} bytes, not ${sizeBytes}`, {
      hint: 'Products refuse larger ones; write another format.',
    })
  if (!isQuotable(name) || /[/\\]/.test(name))
    throw refused(`A VMDK cannot be named ${JSON.stringify(name)}`, 'Give a file name without folders and quotes.')
  if (parent !== undefined && !childKinds.includes(kind))
    throw refused(`A ${kind} VMDK has no parent`, `Children can be ${childKinds.join(' or ')}.`)
  if (parent !== undefined && !isQuotable(parent.fileNameHint))
    throw refused(
      `A VMDK cannot name the parent ${JSON.stringify(parent.fileNameHint)}`,
      'Give a path of at most 4096 characters without quotes and line ends.',
    )
  if (create === undefined && !singleFileKinds.includes(kind))
    throw refused(`A ${kind} VMDK has several files`, 'Give `create`, which makes them.')
  if (cid !== undefined && (!/^[0-9a-f]{8}$/i.test(cid) || cid.toLowerCase() === 'ffffffff'))
    throw refused(`${cid} is no content id`, 'Give 8 hex digits; ffffffff stands for no parent.')
  if (!Number.isInteger(compressionLevel) || compressionLevel < 1 || compressionLevel > 9)
    throw refused(`zlib has no level ${compressionLevel}`, 'Give 1 (fast) to 9 (small).')
  if (thinProvisioned === true && kind !== 'vmfs')
    throw refused(`A ${kind} VMDK is not provisioned by VMFS`, 'Leave `thinProvisioned` out.')
  if (geometry !== undefined && Object.values(geometry).some((count) => !Number.isInteger(count) || count < 1))
    throw refused('Cylinders, heads and sectors are whole numbers from 1 on', 'Leave `geometry` out.')
}

/** Whether text can stand between quotes in a descriptor, and leaves room for the rest. */
function isQuotable(text: string): boolean {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: line ends and the zero that ends a descriptor
  return text !== '' && text.length <= 4096 && !/["\u0000-\u001f]/.test(text)
}

function refused(message: string, hint: string): ImageError {
  return new ImageError('unsupported', message, { hint })
}
