import { stat } from 'node:fs/promises'
import type { ImageFormat } from '@holdfast/formats'
import { pathProblem } from '@holdfast/machine-files'
import { type OpeningRules, openDisk } from '../disks/open-disk.js'
import { chainFiles } from '../files/chain-files.js'
import { pathInMachine } from '../files/folder-rules.js'
import { diskIdSchema, parseName } from './machine-description.js'

/** A file of a machine's folder that is or may be an image. */
export interface ImageFile {
  /** Name in the folder. */
  readonly name: string
  /** Tells the file from every other, whatever its name; absent when it cannot be reached. */
  readonly place?: string
  readonly modifiedNs: bigint
  /** Found in its bytes, when its name does not promise an image. */
  readonly format?: ImageFormat
}

/** An image and what it consists of. */
export interface ImageChain extends ImageFile {
  /** Places of the files that it needs: parents, extents, data files. Of a broken image, those that were found. */
  readonly parts: ReadonlySet<string>
  /** Places of its images, itself first, each followed by its parent. */
  readonly images: readonly string[]
  readonly isBroken: boolean
}

/** Looks at a file without opening it. */
export async function imageFile(name: string, path: string): Promise<ImageFile> {
  try {
    const { dev, ino, mtimeNs: modifiedNs } = await stat(path, { bigint: true })
    return { name, place: `${dev}:${ino}`, modifiedNs }
  } catch (error) {
    // Opened all the same when the capture is taken, which then tells why it cannot be had.
    if (pathProblem(error) !== undefined) return { name, modifiedNs: 0n }
    throw error
  }
}

/**
 * Opens images one after another, none longer than it takes to see what it consists of.
 *
 * Children are younger than their parents, so the newest are opened first; what then turns out to be a part is not opened again.
 */
export async function openChains(files: readonly ImageFile[], opening: OpeningRules): Promise<readonly ImageChain[]> {
  const chains: ImageChain[] = []
  const youngestFirst = files.toSorted((a, b) => (a.modifiedNs > b.modifiedNs ? -1 : 1))
  for (const file of youngestFirst) {
    const { place } = file
    if (place !== undefined && chains.some(({ parts }) => parts.has(place))) continue
    chains.push(await openChain(file, opening))
  }
  return chains
}

async function openChain(file: ImageFile, opening: OpeningRules): Promise<ImageChain> {
  const { name, format } = file
  const id = parseName(diskIdSchema, name, `the image ${pathInMachine(opening.rules, name)}`)
  const files = chainFiles({ ...opening, disk: id })
  const opened = await openDisk({ id, file: name, ...(format !== undefined && { format }) }, opening, files)
  const parts = new Set(
    files
      .all()
      .slice(1)
      .map((part) => part.file.place),
  )
  if (opened.kind === 'unavailable') return { ...file, parts, images: [], isBroken: true }
  const images = opened.content.layers.flatMap((layer) => layer.files.slice(0, 1).map((own) => own.place))
  await opened.content.close()
  return { ...file, parts, images, isBroken: false }
}
