import type { ImageBitmap } from '@holdfast/formats'
import type { DiskLayer } from '../../src/disks/disk-content.js'
import type { DiskFile, FileStamp } from '../../src/files/disk-file.js'

/** A stamp long ago, with what is given. */
export function stamp(fields: Partial<FileStamp> = {}): FileStamp {
  return { sizeBytes: 1000, inode: 7n, modifiedNs: 1_000_000_123n, changedNs: 2_000_000_456n, ...fields }
}

/** A file that cannot be read: what is known of it is enough. */
export function knownFile(path: string, fields: Partial<FileStamp> & { readonly bornNs?: bigint } = {}): DiskFile {
  const { bornNs = 5n, ...stamped } = fields
  const opened = stamp(stamped)
  const unread = () => {
    throw new Error(`${path} was read`)
  }
  return {
    path,
    opened,
    bornNs,
    place: `1:${opened.inode}`,
    stamp: () => opened,
    read: unread,
    fd: unread,
    close: async () => {},
  }
}

/** A layer of a chain, a qcow2 image of one file unless something else is given. */
export function layer(fields: Partial<DiskLayer> = {}): DiskLayer {
  return {
    format: 'qcow2',
    variant: 'v3',
    sizeBytes: 1 << 20,
    bitmaps: [],
    files: [knownFile('/web/disk.qcow2')],
    ...fields,
  }
}

/** A bitmap with some areas dirty, given by their numbers. */
export function bitmapOf(
  name: string,
  areas: readonly number[],
  { granularityBytes = 4096, usable = true }: { granularityBytes?: number; usable?: boolean } = {},
): ImageBitmap {
  return {
    name,
    granularityBytes,
    usable,
    dirty: async function* () {
      let start: number | undefined
      const all = [...areas].sort((a, b) => a - b)
      for (const [at, area] of all.entries()) {
        start ??= area
        if (all[at + 1] === area + 1) continue
        yield { offset: start * granularityBytes, length: (area + 1 - start) * granularityBytes }
        start = undefined
      }
    },
  }
}
