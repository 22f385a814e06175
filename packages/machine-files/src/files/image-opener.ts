import { realpath } from 'node:fs/promises'
import { basename, dirname, isAbsolute, relative, resolve, sep } from 'node:path'
import { type FileOpener, ImageError, type NamedSource } from '@holdfast/formats'
import { openFileSource } from './image-source.js'
import { isMissing } from './system-error.js'

/**
 * Makes the opener of files that images name: parents, extents, data files.
 *
 * What an image says is untrusted. Only files below `root` are reached, by way of links too; others are refused whether they
 * are there or not. A relative name starts from the folder of the file that states it. Of an absolute Windows path the last
 * part counts, beside the image: that is where a machine that was moved here has its disks.
 */
export function imageOpener(root: string): FileOpener {
  return async (name, from) => {
    const path = resolve(dirname(from.name), localName(name))
    const refuse = (): ImageError =>
      new ImageError('refused-file', `${from.name} wants ${JSON.stringify(name)}, which is not below ${root}`, {
        file: from.name,
        hint: 'An image can name any file of this system. If this one is meant, allow the folder that holds it.',
      })
    if (name.includes('\0') || !isBelow(root, path)) throw refuse()
    const real = await realPath(path)
    if (real === undefined) return undefined
    if (!isBelow(await realpath(root), real)) throw refuse()
    return openOrMissing(real)
  }
}

/** Names of other systems as this one has them. */
function localName(name: string): string {
  if (!name.includes('\\')) return name.replace(/^file:(\/\/)?(?=\/)/, '')
  const parts = name.split('\\')
  const isFull = /^([A-Za-z]:|\\\\)/.test(name)
  return isFull ? basename(parts.at(-1) ?? '') : parts.join('/')
}

function isBelow(folder: string, path: string): boolean {
  const way = relative(folder, path)
  return way !== '' && way !== '..' && !way.startsWith(`..${sep}`) && !isAbsolute(way)
}

async function realPath(path: string): Promise<string | undefined> {
  try {
    return await realpath(path)
  } catch (error) {
    if (isMissing(error)) return undefined
    throw error
  }
}

async function openOrMissing(path: string): Promise<NamedSource | undefined> {
  try {
    return await openFileSource(path)
  } catch (error) {
    if (isMissing(error)) return undefined
    throw error
  }
}
