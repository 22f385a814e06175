import type { DescriptionInput } from './described-machine.js'
import { type DescriptionFormat, invalidDescription } from './errors.js'
import { limits } from './limits.js'
import { printable } from './printable.js'

/**
 * Decodes a description, at most 8 MiB, and drops a byte order mark.
 *
 * @param encodingOf - finds the name of the encoding in the first bytes, read as Latin 1
 * @param fallback - tried when none is named and the bytes are not UTF-8
 * @throws BackupError `E_SOURCE_INVALID`
 */
export function decodeText(
  input: DescriptionInput,
  format: DescriptionFormat,
  encodingOf: (head: string) => string | undefined,
  fallback?: string,
): { readonly text: string; readonly encoding: string; readonly isGuess: boolean } {
  if (input.length > limits.textBytes) {
    throw invalidDescription(
      format,
      `it is longer than ${limits.textBytes} bytes`,
      {},
      'Give a description of a machine.',
    )
  }
  if (typeof input === 'string') {
    const stated = encodingOf(input.slice(0, 4096))
    return { text: withoutMark(input), encoding: isKnown(stated) ? stated : 'utf-8', isGuess: false }
  }
  // A copy: decoders refuse shared memory.
  const bytes = Uint8Array.from(input)
  const stated = markedEncoding(bytes) ?? encodingOf(latin1(bytes.subarray(0, 4096)))
  const first = decodeAs(bytes, stated ?? 'utf-8', format)
  if (first !== undefined) return { text: withoutMark(first), encoding: stated ?? 'utf-8', isGuess: false }
  const second = stated === undefined && fallback !== undefined ? decodeAs(bytes, fallback, format) : undefined
  if (second === undefined || fallback === undefined) {
    throw invalidDescription(
      format,
      `it is not ${printable(stated ?? 'UTF-8')} text`,
      { line: 1, element: 'encoding' },
      'Save the description in the encoding that it states.',
    )
  }
  return { text: second, encoding: fallback, isGuess: true }
}

function isKnown(encoding: string | undefined): encoding is string {
  return encoding !== undefined && decoderOf(encoding) !== undefined
}

function decoderOf(encoding: string): InstanceType<typeof TextDecoder> | undefined {
  try {
    return new TextDecoder(encoding, { fatal: true, ignoreBOM: true })
  } catch {
    // The one reason is a name that nobody knows.
    return undefined
  }
}

function decodeAs(bytes: Uint8Array, encoding: string, format: DescriptionFormat): string | undefined {
  const decoder = decoderOf(encoding)
  if (decoder === undefined) {
    throw invalidDescription(
      format,
      `the encoding '${printable(encoding)}' is not known`,
      { line: 1, element: 'encoding' },
      'Save the description as UTF-8.',
    )
  }
  try {
    return decoder.decode(bytes)
  } catch {
    // Not of this encoding: the caller tries the next or says so.
    return undefined
  }
}

function markedEncoding(bytes: Uint8Array): string | undefined {
  if (bytes[0] === 0xff && bytes[1] === 0xfe) return 'utf-16le'
  if (bytes[0] === 0xfe && bytes[1] === 0xff) return 'utf-16be'
  return bytes[0] === 0xef && bytes[1] === 0xbb && bytes[2] === 0xbf ? 'utf-8' : undefined
}

function latin1(bytes: Uint8Array): string {
  return String.fromCharCode(...bytes)
}

function withoutMark(text: string): string {
  return text.startsWith('\ufeff') ? text.slice(1) : text
}
