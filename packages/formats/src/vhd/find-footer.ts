import { Buffer } from 'node:buffer'
import type { NamedSource } from '../bytes/byte-source.js'
import { readPart } from '../bytes/read-part.js'
import { corrupt } from '../image/image-error.js'
import type { ImageProblem } from '../image/layer.js'
import { cookie, footerDamage, parseFooter, type VhdFooter } from './footer.js'
import { footerBytes } from './layout.js'

/** The footer that is believed, and what there is to say of its two copies. */
export interface FoundFooter {
  readonly footer: VhdFooter
  /** `start`: the footer at the end is damaged, its copy at the start serves. */
  readonly place: 'end' | 'start'
  /** Where the footer at the end begins; the end of the file where there is none. */
  readonly dataEnd: number
  readonly problems: readonly ImageProblem[]
}

/** Footers of Virtual PC before 2004 are a byte shorter (Hard Disk Footer Format). */
const legacyFooterBytes = footerBytes - 1

interface Copy {
  readonly offset: number
  readonly bytes: Uint8Array
  readonly damage: string | undefined
}

/**
 * Finds the footer: at the end of the file, or its copy at the start of a dynamic or differencing disk.
 *
 * The end decides: the start of a fixed disk belongs to the guest, which may write anything there.
 * @throws ImageError `corrupt`, `unsupported`
 */
export async function findFooter(file: NamedSource): Promise<FoundFooter> {
  const { name } = file
  const end = await footerAtEnd(file)
  if (end.damage === undefined) {
    const footer = parseFooter(end.bytes, name, end.offset)
    const problems = footer.variant === 'fixed' ? [] : compareCopies(end, await footerAtStart(file))
    return { footer, place: 'end', dataEnd: end.offset, problems }
  }
  const start = await footerAtStart(file)
  if (start.damage !== undefined)
    throw corrupt(
      `the footer at ${end.offset} ${end.damage}, and at the start of the file what should be its copy ${start.damage}`,
      name,
      end.offset,
    )
  const footer = parseFooter(start.bytes, name, start.offset)
  if (footer.variant === 'fixed')
    throw corrupt(`the footer at ${end.offset} ${end.damage}, and a fixed disk has no copy of it`, name, end.offset)
  return {
    footer,
    place: 'start',
    dataEnd: hasCookie(end.bytes) ? end.offset : file.source.sizeBytes,
    problems: [
      {
        severity: 'corrupt',
        message: `The footer at the end of the file ${end.damage}: the file may have been cut off. Its copy at the start was used.`,
        offset: end.offset,
      },
    ],
  }
}

/** Tells whether a footer begins at one of the three places where one may. */
export async function hasFooterCookie(file: NamedSource): Promise<boolean> {
  if (file.source.sizeBytes < legacyFooterBytes) return false
  return hasCookie((await footerAtEnd(file)).bytes) || hasCookie((await footerAtStart(file)).bytes)
}

async function footerAtEnd(file: NamedSource): Promise<Copy> {
  const { sizeBytes } = file.source
  if (sizeBytes < legacyFooterBytes)
    throw corrupt(`a file of ${sizeBytes} bytes has no room for the footer of a VHD`, file.name)
  const offset = Math.max(0, sizeBytes - footerBytes)
  const bytes = await readPart(file, offset, sizeBytes - offset, 'The footer')
  const legacy = bytes.subarray(bytes.byteLength - legacyFooterBytes)
  return !hasCookie(bytes) && hasCookie(legacy)
    ? copyOf(legacy, sizeBytes - legacyFooterBytes, file.name)
    : copyOf(bytes, offset, file.name)
}

async function footerAtStart(file: NamedSource): Promise<Copy> {
  const length = Math.min(footerBytes, file.source.sizeBytes)
  return copyOf(await readPart(file, 0, length, 'The copy of the footer'), 0, file.name)
}

/** A shorter footer lacks a reserved byte only, which is zero and so does not change the checksum. */
function copyOf(short: Uint8Array, offset: number, file: string): Copy {
  const bytes = new Uint8Array(footerBytes)
  bytes.set(short)
  return { offset, bytes, damage: footerDamage(bytes, file) }
}

function compareCopies(end: Copy, start: Copy): readonly ImageProblem[] {
  const { offset } = start
  if (start.damage !== undefined)
    return [{ severity: 'note', message: `The copy of the footer at the start of the file ${start.damage}.`, offset }]
  if (Buffer.compare(end.bytes, start.bytes) === 0) return []
  return [
    {
      severity: 'corrupt',
      message: 'The footer differs from its copy at the start of the file; the one at the end was used.',
      offset,
    },
  ]
}

function hasCookie(bytes: Uint8Array): boolean {
  return bytes.byteLength >= cookie.byteLength && cookie.compare(bytes, 0, cookie.byteLength) === 0
}
