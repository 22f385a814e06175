import { type ByteStore, ImageError, type ImageFormat, type ImageWriter } from '@holdfast/formats'
import type { VmdkKind } from '@holdfast/formats/vmdk'

/** What a new image is to be. */
export interface ImageKind {
  readonly format: ImageFormat
  /** Kind within the format, in its own words: `fixed`, `streamOptimized`. @defaultValue the usual one, which grows */
  readonly variant?: string
  /** Compresses what is written. @defaultValue `false` */
  readonly compress?: boolean
}

/** Where a writer puts its files. */
export interface ImageFiles {
  /** Name of the image's first file, by which other files of it are named. */
  readonly name: string
  readonly main: ByteStore
  /** Creates a further file beside it. */
  readonly create: (name: string) => Promise<ByteStore>
}

/** One kind of image that can be written. */
interface WritableKind {
  readonly variant: string
  readonly compressed?: boolean
  /** Disks of this kind have a multiple of it. @defaultValue a sector */
  readonly sizeStepBytes?: number
  readonly create: (files: ImageFiles, sizeBytes: number) => Promise<ImageWriter>
}

const sectorBytes = 512

const vmdkKinds = [
  'monolithicSparse',
  'monolithicFlat',
  'twoGbMaxExtentSparse',
  'twoGbMaxExtentFlat',
  'vmfs',
  'streamOptimized',
] as const satisfies readonly VmdkKind[]

/** Every kind, the usual one of each format first. Formats are loaded when they are written: most programs write none. */
const kinds: Readonly<Record<ImageFormat, readonly WritableKind[]>> = {
  raw: [
    {
      variant: 'plain',
      sizeStepBytes: 1,
      create: async ({ main }, sizeBytes) => (await import('@holdfast/formats/raw')).createRaw(main, { sizeBytes }),
    },
  ],
  vmdk: vmdkKinds.map((kind) => ({
    variant: kind,
    compressed: kind === 'streamOptimized',
    create: async ({ name, main, create }, sizeBytes) =>
      (await import('@holdfast/formats/vmdk')).createVmdk(main, { kind, name, create, sizeBytes }),
  })),
  vhd: (['dynamic', 'fixed'] as const).map((variant) => ({
    variant,
    create: async ({ main }, sizeBytes) =>
      (await import('@holdfast/formats/vhd')).createVhd(main, { variant, sizeBytes }),
  })),
  vhdx: (['dynamic', 'fixed'] as const).map((variant) => ({
    variant,
    create: async ({ main }, sizeBytes) =>
      (await import('@holdfast/formats/vhdx')).createVhdx(main, { variant, sizeBytes }),
  })),
  qcow2: [false, true].map((compressed) => ({
    variant: 'v3',
    compressed,
    create: async ({ main }, sizeBytes) => {
      const { createQcow2 } = await import('@holdfast/formats/qcow2')
      return createQcow2(main, { sizeBytes, ...(compressed && { compression: { method: 'zlib' } }) })
    },
  })),
}

/**
 * Begins a new image. A disk that ends within a sector gets the rest of it where its format counts in sectors.
 *
 * @throws ImageError `unsupported` for a kind that is not written, `limit`
 */
export async function createImage(kind: ImageKind, files: ImageFiles, sizeBytes: number): Promise<ImageWriter> {
  const { sizeStepBytes = sectorBytes, create } = writableKind(kind)
  return create(files, Math.ceil(sizeBytes / sizeStepBytes) * sizeStepBytes)
}

function writableKind({ format, variant, compress = false }: ImageKind): WritableKind {
  const all = kinds[format]
  const named = all.filter((kind) => variant === undefined || kind.variant === variant)
  // A variant that is always compressed need not be asked to be.
  const found = named.find(({ compressed = false }) => compressed === compress) ?? (compress ? undefined : named[0])
  if (found !== undefined) return found
  const asked = [compress ? 'compressed' : '', format, variant ?? ''].filter((word) => word !== '').join(' ')
  const names = all.map((kind) => `${kind.variant}${kind.compressed === true ? ' (compressed)' : ''}`)
  throw new ImageError('unsupported', `${asked} is no kind of image that is written`, {
    hint: `Choose one of ${names.join(', ')}.`,
  })
}
