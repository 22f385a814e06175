import { resolve } from 'node:path'
import { type DiskImage, type ImageFormat, imageFormats } from '@holdfast/formats'
import { openImageFile } from '@holdfast/machine-files'
import type { Invocation } from './invocation.js'
import { usageError } from './output.js'

/** How an image is opened by a command. */
export interface ImageOptions {
  readonly from?: string
  readonly parentsIn?: string
}

/** Opens the image that a command names. */
export function openNamedImage({ cwd }: Invocation, path: string, options: ImageOptions): Promise<DiskImage> {
  const { from, parentsIn } = options
  return openImageFile(resolve(cwd, path), {
    ...(from !== undefined && { format: asFormat(from, '--from') }),
    ...(parentsIn !== undefined && { root: resolve(cwd, parentsIn) }),
  })
}

/** Checks the name of a format. @throws BackupError `E_USAGE` */
export function asFormat(text: string, option: string): ImageFormat {
  const format = imageFormats.find((known) => known === text)
  if (format !== undefined) return format
  throw usageError(`${option} ${text} is no format of disk images.`, `Choose one of ${imageFormats.join(', ')}.`)
}
