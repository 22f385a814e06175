import { ImageError } from '../image/image-error.js'
import { type ImageFormat, imageFormats } from '../image/image-format.js'
import type { ParentReference } from '../image/layer.js'
import type { Qcow2Header } from './header.js'

/** Formats under the names that QEMU gives them. */
const qemuFormats: Readonly<Record<ImageFormat, string>> = {
  raw: 'raw',
  vmdk: 'vmdk',
  vhd: 'vpc',
  vhdx: 'vhdx',
  qcow2: 'qcow2',
}

/** Name of a format in the extension that tells the backing file's. */
export function qemuFormat(format: ImageFormat): string {
  return qemuFormats[format]
}

/** Makes the reference to the backing file. @throws ImageError `unsupported` where it is no file or of another format */
export function parentReference({ backingName, extensions }: Qcow2Header, file: string): ParentReference | undefined {
  if (backingName === undefined) return undefined
  const names = [plainName(backingName, 'backing file', file)]
  const { backingFormat } = extensions
  if (backingFormat === undefined || backingFormat === '') return { names }
  const format = imageFormats.find((known) => qemuFormats[known] === backingFormat)
  if (format !== undefined) return { names, format }
  throw new ImageError('unsupported', `The backing file of the image is of format ${backingFormat}.`, {
    file,
    hint: `Known are ${Object.values(qemuFormats).join(', ')}. Convert the whole chain: qemu-img convert -O qcow2.`,
  })
}

/** A protocol before the first slash, as QEMU tells them; one letter is a drive of Windows. */
const protocol = /^([^:/\\]{2,}):/

/** Takes `file:` off a name. @throws ImageError `unsupported` for other protocols */
export function plainName(name: string, what: string, file: string): string {
  const found = protocol.exec(name)?.[1]
  if (found === undefined) return name
  if (found === 'file') return name.slice('file:'.length)
  const place = found === 'json' ? 'described by JSON' : `reached through ${found}`
  throw new ImageError('unsupported', `The ${what} of the image is ${place}: ${name}`, {
    file,
    hint: 'Only files are opened. Point the image at one: qemu-img rebase -u -b <file> -F <format>.',
  })
}
