import type { FileOpener, NamedSource } from '../bytes/byte-source.js'
import type { ImageCodec } from './codec.js'
import { ImageError, isImageError } from './image-error.js'
import type { ImageFormat } from './image-format.js'
import type { ImageLayer, ParentReference } from './layer.js'
import { recogniseFormat } from './recognise-format.js'

/** Longest chain that is followed; hypervisors warn far below. */
export const chainLimit = 128

/** A layer and the file it was read from. */
export interface ChainLink {
  readonly file: NamedSource
  readonly layer: ImageLayer
}

/** What opening a chain needs. */
export interface ChainOptions {
  readonly codecs: readonly ImageCodec[]
  readonly open: FileOpener
  /** Format of the first file; otherwise it is recognised, but never as raw, which any file is. */
  readonly format?: ImageFormat
}

/** An open chain, the image itself first. */
export interface Chain {
  readonly links: readonly ChainLink[]
  readonly close: () => Promise<void>
}

/** Opens a file and its parents; on failure it closes all of them, the first included. */
export async function openChain(first: NamedSource, { codecs, open, format }: ChainOptions): Promise<Chain> {
  const files: NamedSource[] = [first]
  const links: ChainLink[] = []
  const close = async () => {
    for (const { layer } of links) await layer.close()
    for (const file of files) await file.close()
  }
  try {
    const firstFormat = format ?? (await recogniseFormat(first, codecs.filter(isStructured)))
    if (firstFormat === undefined) throw unknownFormat(first, codecs.filter(isStructured))
    let stated: Pick<ParentReference, 'format' | 'identity'> = { format: firstFormat }
    for (let file: NamedSource | undefined = first; file !== undefined; ) {
      const codec = await codecFor(file, codecs, stated.format)
      const layer = await codec.open(file, open)
      links.push({ file, layer })
      assertIdentity(links, stated.identity)
      if (layer.parent === undefined) break
      stated = layer.parent
      file = await openParent(layer.parent, file, open)
      files.push(file)
      assertNew(files)
    }
    return { links, close }
  } catch (error) {
    await close()
    throw error
  }
}

function isStructured({ format }: ImageCodec): boolean {
  return format !== 'raw'
}

async function codecFor(
  file: NamedSource,
  codecs: readonly ImageCodec[],
  stated: ImageFormat | undefined,
): Promise<ImageCodec> {
  const format = stated ?? (await recogniseFormat(file, codecs))
  const found = codecs.find((codec) => codec.format === format)
  if (found !== undefined) return found
  throw unknownFormat(file, codecs, stated)
}

function unknownFormat(file: NamedSource, codecs: readonly ImageCodec[], stated?: ImageFormat): ImageError {
  const what = stated === undefined ? 'in no known format' : `${stated}, which cannot be read here`
  return new ImageError('unknown-format', `${file.name} is ${what}`, {
    file: file.name,
    hint: `Known are ${codecs.map((codec) => codec.format).join(', ')}; a raw disk must be named as one.`,
  })
}

async function openParent({ names }: ParentReference, child: NamedSource, open: FileOpener): Promise<NamedSource> {
  let refusal: unknown
  for (const name of names) {
    try {
      const file = await open(name, child)
      if (file !== undefined) return file
    } catch (error) {
      // A full path of another machine may be out of reach while the relative one beside it is not.
      if (!isImageError(error) || error.code !== 'refused-file') throw error
      refusal ??= error
    }
  }
  if (refusal !== undefined) throw refusal
  throw new ImageError(
    'missing-file',
    `The parent of ${child.name} is not there: ${names.length === 0 ? 'it has no name' : names.join(', ')}`,
    {
      file: child.name,
      hint: 'Put the parent where the image expects it; without it only a part of the disk is known.',
    },
  )
}

function assertNew(files: readonly NamedSource[]): void {
  const file = files.at(-1)
  if (files.filter(({ name }) => name === file?.name).length > 1)
    throw new ImageError('refused-file', `${file?.name} is among its own parents`, {
      file: file?.name ?? '',
      hint: 'A parent reference was altered or files were renamed; no disk can be read from a loop.',
    })
  if (files.length > chainLimit)
    throw new ImageError('limit', `${files[0]?.name} has more than ${chainLimit - 1} parents`, {
      file: files[0]?.name ?? '',
      hint: 'Merge its snapshots, then try again.',
    })
}

function assertIdentity(links: readonly ChainLink[], wanted: string | undefined): void {
  const [parent, child] = [links.at(-1), links.at(-2)]
  if (wanted === undefined || parent === undefined || parent.layer.identity === wanted) return
  throw new ImageError(
    'parent-mismatch',
    `${parent.file.name} is ${parent.layer.identity ?? 'without an id'}, but ${child?.file.name} was made from ${wanted}`,
    {
      file: parent.file.name,
      hint: 'The parent was written to after the child was made, or is another one: the disk would be a mixture of both.',
    },
  )
}
