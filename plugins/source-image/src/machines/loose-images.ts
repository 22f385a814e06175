import { join, parse } from 'node:path'
import type { Logger } from '@holdfast/core'
import { isImageError } from '@holdfast/formats'
import { type OpeningRules, recogniseImage } from '../disks/open-disk.js'
import { sourceError } from '../errors.js'
import { chainFiles } from '../files/chain-files.js'
import { diskFile } from '../files/disk-file.js'
import { imageNames, isRawName } from '../files/image-names.js'
import { openFile } from '../files/open-file.js'
import { type ImageChain, type ImageFile, imageFile, openChains } from './image-chains.js'
import { type DiskDescription, diskIdSchema, parseName } from './machine-description.js'

/**
 * Finds the disks of a folder that nobody describes: every image that is not a part of another image there.
 *
 * A disk is named after the deepest image of its chain that lies in the folder and belongs to no other disk, so that it keeps
 * its id when a snapshot adds a child. A child may have any name (`web.snap1`): files of other names are asked by their bytes
 * whether they are children of an image here.
 * @throws BackupError `E_SOURCE_INVALID` when two disks would have one id, `E_SOURCE_UNAVAILABLE`
 */
export async function looseDisks(
  names: readonly string[],
  opening: OpeningRules,
  logger: Logger,
): Promise<readonly DiskDescription[]> {
  const { folder } = opening.rules
  const promised = await Promise.all(imageNames(names).map((name) => imageFile(name, join(folder, name))))
  const others = await imagesOfOtherNames(names, opening, logger)
  const chains = await openChains([...promised.filter(({ name }) => !isRawName(name)), ...others], opening)
  const isWhole = ({ place }: ImageFile) => place === undefined || !chains.some(({ parts }) => parts.has(place))
  const tops = chains.filter((chain) => isWhole(chain) && (chain.isBroken || isDiskImage(chain, promised)))
  const raws = promised.filter((file) => isRawName(file.name) && isWhole(file))
  return describe(folder, [
    ...raws.map((file) => ({ file, base: file.name, isOrphan: false })),
    ...tops.map((file) => ({
      file,
      base: baseName(file, tops, promised),
      isOrphan: file.isBroken && file.format !== undefined,
    })),
  ])
}

/** Finds images among the files whose names promise none. */
async function imagesOfOtherNames(
  names: readonly string[],
  opening: OpeningRules,
  logger: Logger,
): Promise<readonly ImageFile[]> {
  const promised = new Set(imageNames(names))
  const found: ImageFile[] = []
  for (const name of names) {
    if (name.startsWith('.') || promised.has(name) || isRawName(name)) continue
    const path = join(opening.rules.folder, name)
    const format = await formatInside(path, opening, logger)
    if (format !== undefined) found.push({ ...(await imageFile(name, path)), format })
  }
  return found
}

async function formatInside(
  path: string,
  { rules, seeker }: OpeningRules,
  logger: Logger,
): Promise<ImageFile['format']> {
  const opened = await openFile(path, rules.followSymlinks ? undefined : [rules.folder])
  if (opened.kind !== 'open') {
    if (opened.kind === 'denied')
      logger.warn('file may not be read; should it be the child of an image here, that is not known', { file: path })
    return undefined
  }
  const source = chainFiles({ disk: path, rules, seeker }).first(diskFile(opened.handle, path))
  try {
    return await recogniseImage(source)
  } catch (error) {
    if (isImageError(error)) return undefined
    throw error
  } finally {
    await source.close()
  }
}

/** A file that does not promise to be an image is a disk's only as a child of one that does: it may be an old copy. */
function isDiskImage({ format, parts }: ImageChain, promised: readonly ImageFile[]): boolean {
  return format === undefined || promised.some(({ place }) => place !== undefined && parts.has(place))
}

function baseName(top: ImageChain, tops: readonly ImageChain[], promised: readonly ImageFile[]): string {
  const shared = (place: string) => tops.some((other) => other !== top && other.parts.has(place))
  const base = top.images.findLast((image) => !shared(image) && promised.some(({ place }) => place === image))
  return promised.find(({ place }) => place === base)?.name ?? top.name
}

/** A disk to be: the file to open, and the one it is named after. */
interface LooseDisk {
  readonly file: ImageFile
  readonly base: string
  /** A child so broken that its name alone tells whose: that disk cannot be had, its other image is half of it. */
  readonly isOrphan: boolean
}

function describe(folder: string, disks: readonly LooseDisk[]): readonly DiskDescription[] {
  const named = disks
    .map((disk) => ({
      ...disk,
      id: parseName(diskIdSchema, parse(disk.base).name, `the image ${join(folder, disk.base)}`),
    }))
    .toSorted((a, b) => (a.file.name < b.file.name ? -1 : 1))
  const orphans = new Set(named.filter(({ isOrphan }) => isOrphan).map(({ id }) => id))
  const byId = new Map<string, DiskDescription>()
  for (const { id, file, isOrphan } of named) {
    if (orphans.has(id) && !isOrphan) continue
    const { name, format } = file
    const other = byId.get(id)
    if (other !== undefined) {
      throw sourceError('E_SOURCE_INVALID', `${folder} holds ${other.file} and ${name}: both would be disk '${id}'.`, {
        operation: 'source.prepare',
        context: { folder, disk: id },
        hint: 'Rename one, or list the disks in machine.json.',
      })
    }
    byId.set(id, { id, file: name, ...(format !== undefined && { format }) })
  }
  return [...byId.values()]
}
