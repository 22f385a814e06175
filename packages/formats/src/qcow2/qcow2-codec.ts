import type { FileOpener, NamedSource } from '../bytes/byte-source.js'
import { fields } from '../bytes/fields.js'
import type { ImageCodec } from '../image/codec.js'
import { ImageError } from '../image/image-error.js'
import type { ImageLayer } from '../image/layer.js'
import { readBitmapDirectory } from './bitmap-directory.js'
import { imageBitmaps } from './bitmaps.js'
import type { EntryRules } from './cluster-entry.js'
import { clusterTables } from './cluster-tables.js'
import { parentReference, plainName } from './file-names.js'
import { type Qcow2Header, readHeader } from './header.js'
import { magic } from './header-layout.js'
import { imageProblems } from './problems.js'
import { clusterRuns } from './runs.js'

/**
 * The format of QEMU and KVM, versions 2 and 3.
 *
 * Spec: "qcow2 file format" of the QEMU project, docs/interop/qcow2.txt; the names of its sections stand beside the code.
 */
export const qcow2Codec: ImageCodec = {
  format: 'qcow2',
  recognise: async ({ name, source }) => {
    if (source.sizeBytes < 4) return false
    const start = new Uint8Array(4)
    await source.read(0, start)
    return fields(start, 'big', name).u32(0) === magic
  },
  open: async (file, open) => {
    const header = await readHeader(file)
    const parent = parentReference(header, file.name)
    const bitmaps = await readBitmapDirectory(file, header)
    const { version, geometry, features, compression, l1, sizeBytes } = header
    const rules: EntryRules = { version, geometry, dataFile: features.dataFile }
    const tables = clusterTables(file, l1, geometry)
    // Last, so that nothing after it can fail and leave it open.
    const dataFile = features.dataFile ? await openDataFile(header, file, open) : undefined
    const walk = { file, data: dataFile ?? file, tables, rules, compression }
    return {
      format: 'qcow2',
      variant: `v${version}`,
      sizeBytes,
      sectorBytes: 512,
      ...(parent !== undefined && { parent }),
      ...(bitmaps.length > 0 && { bitmaps: imageBitmaps(file, header, bitmaps) }),
      details: details(header),
      runs: (offset, length) => clusterRuns(walk, offset, length),
      problems: () => imageProblems({ file, header, rules, bitmaps }),
      close: async () => dataFile?.close(),
    } satisfies ImageLayer
  },
}

function details(header: Qcow2Header): ImageLayer['details'] {
  const { geometry, features, extensions, compression, refcountBits, snapshots, backingName } = header
  return {
    clusterBytes: geometry.clusterBytes,
    compression,
    refcountBits,
    extendedL2: features.extendedL2,
    lazyRefcounts: features.lazyRefcounts,
    dirty: features.dirty,
    markedCorrupt: features.markedCorrupt,
    snapshots: snapshots.count,
    ...(backingName !== undefined && { backingFile: backingName }),
    ...(extensions.backingFormat !== undefined && { backingFormat: extensions.backingFormat }),
    ...(features.dataFile && { dataFile: extensions.dataFile ?? '', rawDataFile: features.rawDataFile }),
  }
}

/** Spec: External Data File Name header extension; without it only the machine's configuration knows the file. */
async function openDataFile({ extensions }: Qcow2Header, file: NamedSource, open: FileOpener): Promise<NamedSource> {
  const { dataFile = '' } = extensions
  const name = plainName(dataFile, 'data file', file.name)
  const found = name === '' ? undefined : await open(name, file)
  if (found !== undefined) return found
  const message =
    name === '' ? 'The image does not say which file holds its data.' : `The data file is not there: ${name}`
  throw new ImageError('missing-file', message, {
    file: file.name,
    hint: 'Put the data file where the image expects it: the image itself holds tables only.',
  })
}
