import { memberHead, tarBlockBytes, tarPadding } from '@holdfast/formats/tar'
import { cannotDescribe } from '../errors.js'
import { printable } from '../printable.js'

/** A file to go into an OVA. */
export interface OvaContent {
  readonly name: string
  readonly sizeBytes: number
}

/** A run of an OVA: bytes that are given, or the place for the content of a file. */
export type OvaPart =
  | { readonly kind: 'bytes'; readonly offset: number; readonly bytes: Uint8Array }
  | { readonly kind: 'content'; readonly offset: number; readonly name: string; readonly sizeBytes: number }

/** What the parts of an OVA may be told. */
export interface OvaOptions {
  /** Time that the files carry. @defaultValue the epoch, so that equal content makes equal archives */
  readonly modifiedAt?: Date
}

/**
 * Lays out an OVA: headers and padding as bytes, and the place of each file between them, in the order of the archive.
 *
 * Every place is known before any content is, so contents can be streamed in order, or written in place at their offsets: disks
 * first, then the manifest with their digests, whose length is known beforehand.
 *
 * The order is that of DSP0243: descriptor, manifest, certificate, then the files as the References list them.
 *
 * @throws BackupError `E_PLACEMENT` for another order, a name twice, or a name that is no plain file name
 */
export function* ovaParts(
  contents: readonly OvaContent[],
  options: OvaOptions = {},
): Generator<OvaPart, void, undefined> {
  checkOrder(contents)
  const modifiedAt = options.modifiedAt ?? new Date(0)
  let offset = 0
  for (const { name, sizeBytes } of contents) {
    const bytes = memberHead({ name, sizeBytes, modifiedAt })
    yield { kind: 'bytes', offset, bytes }
    offset += bytes.length
    yield { kind: 'content', offset, name, sizeBytes }
    offset += sizeBytes
    const padding = tarPadding(sizeBytes)
    if (padding > 0) yield { kind: 'bytes', offset, bytes: new Uint8Array(padding) }
    offset += padding
  }
  yield { kind: 'bytes', offset, bytes: new Uint8Array(2 * tarBlockBytes) }
}

function checkOrder(contents: readonly OvaContent[]): void {
  const refuse = (problem: string) =>
    cannotDescribe(
      'ova',
      problem,
      'Give the descriptor (.ovf), then manifest (.mf) and certificate (.cert) if any, then the disks.',
    )
  const names = contents.map(({ name }) => name)
  if (new Set(names).size < names.length) throw refuse('two files have the same name')
  for (const [index, { name, sizeBytes }] of contents.entries()) {
    if (!Number.isSafeInteger(sizeBytes) || sizeBytes < 0) throw refuse(`the size of ${printable(name)} is wrong`)
    if (!/^[^/\\\p{Cc}\p{Cs}]{1,255}$/u.test(name) || /^\.+$/.test(name))
      throw refuse(`${printable(name)} is no plain file name`)
    const rank = rankOf(name)
    if (rank === 0 && index > 0) throw refuse('there is more than one descriptor')
    if (index === 0 ? rank !== 0 : rank < rankOf(names[index - 1] ?? ''))
      throw refuse(`${printable(name)} is out of order`)
  }
  if (contents.length === 0) throw refuse('there are no files')
}

function rankOf(name: string): number {
  const rank = ['.ovf', '.mf', '.cert'].findIndex((extension) => name.toLowerCase().endsWith(extension))
  return rank < 0 ? 3 : rank
}
