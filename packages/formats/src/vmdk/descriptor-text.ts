import { corrupt } from '../image/image-error.js'
import { unsupported } from './vmdk-error.js'

/** Longest descriptor that is read: room for the extent lines of every disk that VMware can make. */
export const descriptorLimitBytes = 2 ** 20

/** What a file is read as when it names no encoding and is not UTF-8: VMware on Windows wrote its code page. */
const fallbackEncoding = 'windows-1252'

/** Finds the declared encoding before decoding: names of encodings are ASCII in all of them. */
const encodingLine = /^[ \t]*encoding[ \t]*=[ \t]*"?([^"\r\n]*)/im

/** A descriptor as text, and how it was decoded. */
export interface DescriptorText {
  readonly text: string
  readonly encoding: string
}

/**
 * Decodes a descriptor; what follows its first zero byte is padding.
 *
 * @throws ImageError `unsupported` for an encoding that is not known, `corrupt` when the bytes are not in the stated one
 */
export function decodeDescriptor(bytes: Uint8Array, file: string): DescriptorText {
  const end = bytes.indexOf(0)
  const content = end === -1 ? bytes : bytes.subarray(0, end)
  const stated = encodingLine.exec(decode(content, fallbackEncoding) ?? '')?.[1]?.trim()
  if (stated === undefined || stated === '') {
    const text = decode(content, 'UTF-8')
    if (text !== undefined) return { text, encoding: 'UTF-8' }
    return { text: decode(content, fallbackEncoding) ?? '', encoding: fallbackEncoding }
  }
  const text = decode(content, stated, file)
  if (text === undefined) throw corrupt(`its descriptor is not in ${stated}, the encoding that it states`, file)
  return { text, encoding: stated }
}

/** @returns `undefined` for bytes that the encoding does not allow */
function decode(bytes: Uint8Array, encoding: string, file?: string): string | undefined {
  const decoder = decoderOf(encoding)
  if (decoder === undefined)
    throw unsupported(
      `its descriptor is in ${encoding}, which is not known`,
      file ?? '',
      'Save the descriptor as UTF-8 and state encoding="UTF-8" in it.',
    )
  try {
    return decoder.decode(bytes)
  } catch {
    return undefined
  }
}

function decoderOf(encoding: string): InstanceType<typeof TextDecoder> | undefined {
  try {
    return new TextDecoder(encoding, { fatal: true })
  } catch {
    return undefined
  }
}
