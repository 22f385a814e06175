import { Buffer } from 'node:buffer'
import type { NamedSource } from '../bytes/byte-source.js'
import type { ImageProblem } from '../image/layer.js'
import type { DynamicHeader, LocatorEntry } from './dynamic-header.js'
import { upToZero, utf16le } from './utf16.js'

/** Names of a parent, the best first, and what is wrong with the places that should hold more of them. */
export interface ParentNames {
  readonly names: readonly string[]
  readonly problems: readonly ImageProblem[]
}

/** Longest locator that is read or written: a path of Windows has at most 32,767 letters. */
export const longestLocatorBytes = 65_536

/**
 * Platforms in the order in which their names are tried: what is relative to the child still holds after both were moved
 * (Dynamic Disk Header Format, "Parent Locator Entries"; Identification of the Parent Hard Disk Image).
 */
const decoders: ReadonlyMap<string, (bytes: Uint8Array) => readonly string[]> = new Map([
  ['W2ru', (bytes) => [utf16le(bytes)]],
  ['W2ku', (bytes) => [utf16le(bytes)]],
  ['MacX', fromFileUrl],
  // Deprecated, in some code page of Windows: letters beyond ASCII are a guess that the parent's id proves or refutes.
  ['Wi2r', (bytes) => [upToZero(Buffer.from(bytes).toString('latin1'))]],
  ['Wi2k', (bytes) => [upToZero(Buffer.from(bytes).toString('latin1'))]],
])

/**
 * Reads the names of a parent from the locators and the header.
 *
 * A locator that cannot be read is left out and told of: a wrong parent cannot slip in by that, since its id must match.
 */
export async function readParentNames(file: NamedSource, header: DynamicHeader): Promise<ParentNames> {
  const problems: ImageProblem[] = []
  const found = new Map<string, readonly string[]>()
  for (const entry of header.locators) {
    const decode = decoders.get(entry.platform)
    if (decode === undefined || entry.length === 0) continue
    const bytes = await readLocator(file, entry)
    if (bytes === undefined) {
      const { platform, offset, length } = entry
      const message = `The parent locator ${platform} at ${offset}, ${length} bytes long, is not within the file.`
      problems.push({ severity: 'note', message })
    } else found.set(entry.platform, [...(found.get(entry.platform) ?? []), ...decode(bytes)])
  }
  const [relative = [], ...others] = [...decoders.keys()].map((platform) => found.get(platform) ?? [])
  // The name in the header has no folder: it is worth more than a path of another machine, which may lead elsewhere.
  const names = [...relative, header.parentName, ...others.flat()].filter((name) => name !== '')
  return { names: [...new Set(names)], problems }
}

async function readLocator({ source }: NamedSource, { offset, length }: LocatorEntry): Promise<Uint8Array | undefined> {
  if (length > longestLocatorBytes || offset > source.sizeBytes - length) return undefined
  const bytes = new Uint8Array(length)
  await source.read(Number(offset), bytes)
  return bytes
}

/** The path of a `file:` URL as it is written, and decoded where that is another one: XenServer does not encode paths. */
function fromFileUrl(bytes: Uint8Array): readonly string[] {
  const url = upToZero(Buffer.from(bytes).toString('utf8'))
  const path = url.replace(/^file:\/\/(localhost(?=\/))?/, '')
  try {
    return [decodeURIComponent(path), path]
  } catch {
    return [path]
  }
}
