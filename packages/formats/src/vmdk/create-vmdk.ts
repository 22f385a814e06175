import type { ByteStore } from '../bytes/byte-source.js'
import type { ImageWriter } from '../image/image-writer.js'
import { withinDisk } from '../image/within-disk.js'
import { checkOptions } from './check-options.js'
import { describeDisk, embeddedDescriptor, type NewExtent, type NewIdentity, newIdentity } from './describe-disk.js'
import { flatWriter } from './flat-writer.js'
import { sectorBytes } from './sectors.js'
import { type KindWriter, sparseWriter } from './sparse-writer.js'
import { streamWriter } from './stream-writer.js'
import type { VmdkKind, VmdkWriterOptions } from './vmdk-writer-options.js'

/** Size of the files of a split disk: 2 GiB less a little, since old file systems end there. VMware splits so. */
const splitBytes = 2047 * 2 ** 20

/** A quarter of QEMU's time for 3 % more bytes, on two cores; what lower levels save in time is little. */
const defaultCompressionLevel = 5

/**
 * Begins a VMDK. `main` is the file that is opened later: the disk itself, or the descriptor of its other files.
 *
 * The descriptor of several files is written by `close`; one file counts as not closed until then.
 *
 * @throws ImageError `unsupported`, `limit`
 */
export async function createVmdk(main: ByteStore, options: VmdkWriterOptions): Promise<ImageWriter> {
  const { kind = 'monolithicSparse', sizeBytes } = options
  checkOptions(options, kind)
  const writer = await kindWriter(kind, main, options, newIdentity(options))
  return withinDisk({ format: 'vmdk', variant: kind, sizeBytes, ...writer })
}

async function kindWriter(
  kind: VmdkKind,
  main: ByteStore,
  options: VmdkWriterOptions,
  identity: NewIdentity,
): Promise<KindWriter> {
  const { sizeBytes, name, parent, compressionLevel = defaultCompressionLevel } = options
  const embedded = () => {
    const extent = { sectors: sizeBytes / sectorBytes, type: 'SPARSE', name } as const
    return embeddedDescriptor(describeDisk(kind, [extent], identity, options))
  }
  const described = async (type: NewExtent['type']) => {
    const files = await createFiles(kind, options)
    const extents = files.map((file) => ({ sectors: file.sizeBytes / sectorBytes, type, name: file.name }))
    const finish = async () => {
      const text = describeDisk(kind, extents, identity, options)
      await main.write(0, text)
      await main.resize(text.byteLength)
    }
    return { files, finish }
  }
  switch (kind) {
    case 'monolithicSparse':
      return sparseWriter([{ store: main, sizeBytes, descriptor: embedded() }], parent?.image)
    case 'streamOptimized':
      return streamWriter(main, { sizeBytes, descriptor: embedded(), compressionLevel })
    case 'twoGbMaxExtentSparse': {
      const { files, finish } = await described('SPARSE')
      const writer = await sparseWriter(
        files.map((file) => ({ ...file, descriptor: new Uint8Array(0) })),
        parent?.image,
      )
      return {
        ...writer,
        close: async () => {
          await writer.close()
          await finish()
        },
      }
    }
    case 'monolithicFlat':
    case 'twoGbMaxExtentFlat':
    case 'vmfs': {
      const { files, finish } = await described(kind === 'vmfs' ? 'VMFS' : 'FLAT')
      return flatWriter(files, finish)
    }
  }
}

interface NewFile {
  readonly name: string
  readonly sizeBytes: number
  readonly store: ByteStore
}

/** Creates the files beside the descriptor, under the names that VMware gives them. */
async function createFiles(
  kind: VmdkKind,
  { sizeBytes, name, create }: VmdkWriterOptions,
): Promise<readonly NewFile[]> {
  const base = name.replace(/\.vmdk$/i, '')
  const names = extentNames(kind, base, sizeBytes)
  const files: NewFile[] = []
  for (const extent of names) {
    const store = await create?.(extent.name)
    if (store !== undefined) files.push({ ...extent, store })
  }
  return files
}

function extentNames(kind: VmdkKind, base: string, sizeBytes: number): readonly Omit<NewFile, 'store'>[] {
  if (kind === 'monolithicFlat' || kind === 'vmfs') return [{ name: `${base}-flat.vmdk`, sizeBytes }]
  const letter = kind === 'twoGbMaxExtentFlat' ? 'f' : 's'
  return Array.from({ length: Math.ceil(sizeBytes / splitBytes) }, (_, index) => ({
    name: `${base}-${letter}${String(index + 1).padStart(3, '0')}.vmdk`,
    sizeBytes: Math.min(splitBytes, sizeBytes - index * splitBytes),
  }))
}
