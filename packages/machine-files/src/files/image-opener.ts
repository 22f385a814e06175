import { type FileOpener, ImageError } from '@holdfast/formats'
import { fileSource } from './image-source.js'
import { namedPaths } from './named-paths.js'
import { openRegularFile } from './regular-file.js'

/**
 * Makes the opener of files that images name: parents, extents, data files.
 *
 * What an image says is untrusted. Only files below `root`, a real path, are reached, by way of links too; others are refused
 * whether they are there or not. {@link namedPaths} says what names stand for.
 */
export function imageOpener(root: string): FileOpener {
  return async (name, from) => {
    const refuse = (): ImageError =>
      new ImageError('refused-file', `${from.name} wants ${JSON.stringify(name)}, which is not below ${root}`, {
        file: from.name,
        hint: 'An image can name any file of this system. If this one is meant, allow the folder that holds it.',
      })
    const paths = await namedPaths(name, from.name, [root])
    if (paths.length === 0) throw refuse()
    for (const path of paths) {
      const opened = await openRegularFile(path, [root])
      if (opened.kind === 'open') return fileSource(opened)
      if (opened.kind === 'outside') throw refuse()
      if (opened.kind !== 'missing') throw opened.cause ?? new TypeError(`${path} is no regular file`)
    }
    return undefined
  }
}
