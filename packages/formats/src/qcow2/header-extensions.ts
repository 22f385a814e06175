import type { Fields } from '../bytes/fields.js'
import { corrupt } from '../image/image-error.js'
import type { FeatureName } from './features.js'
import { text } from './text.js'

/** Types of header extensions (spec: Header extensions). Others may be ignored. */
export const extensionType = {
  end: 0,
  backingFormat: 0xe2792aca,
  featureNames: 0x6803f857,
  bitmaps: 0x23852875,
  encryption: 0x0537be77,
  dataFile: 0x44415441,
} as const

/** Where the bitmap directory is (spec: Bitmaps extension). */
export interface BitmapsExtension {
  readonly count: number
  readonly directory: { readonly offset: number; readonly length: number }
}

/** What the extensions of a header say. */
export interface HeaderExtensions {
  readonly backingFormat?: string
  readonly dataFile?: string
  readonly featureNames: readonly FeatureName[]
  readonly bitmaps?: BitmapsExtension
}

/** Type and length before the data of each extension. */
const prefixBytes = 8
const featureNameBytes = 48
const bitmapsExtensionBytes = 24

/** Reads the extensions between `from` and `to` of the first cluster, up to the one that ends them. */
export function parseHeaderExtensions(header: Fields, from: number, to: number, file: string): HeaderExtensions {
  let extensions: HeaderExtensions = { featureNames: [] }
  const seen = new Set<number>()
  for (let at = from; at + prefixBytes <= to; ) {
    const type = header.u32(at)
    const length = header.u32(at + 4)
    if (type === extensionType.end) break
    const start = at + prefixBytes
    if (length > to - start)
      throw corrupt(`a header extension of ${length} bytes does not fit the ${to - start} left for it`, file, at)
    if (isKnown(type) && seen.has(type))
      throw corrupt(`the header has two extensions of type 0x${type.toString(16)}`, file, at)
    seen.add(type)
    extensions = { ...extensions, ...parseExtension(type, header, { start, length }, file) }
    at = start + Math.ceil(length / 8) * 8
  }
  return extensions
}

function isKnown(type: number): boolean {
  return Object.values<number>(extensionType).includes(type)
}

function parseExtension(
  type: number,
  header: Fields,
  { start, length }: { readonly start: number; readonly length: number },
  file: string,
): Partial<HeaderExtensions> {
  const bytes = header.bytes.subarray(start, start + length)
  switch (type) {
    case extensionType.backingFormat:
      return { backingFormat: text(bytes) }
    case extensionType.dataFile:
      return { dataFile: text(bytes) }
    case extensionType.featureNames:
      return { featureNames: featureNames(bytes) }
    case extensionType.bitmaps:
      if (length !== bitmapsExtensionBytes)
        throw corrupt(`the bitmaps extension has ${length} bytes, not ${bitmapsExtensionBytes}`, file, start)
      return {
        bitmaps: {
          count: header.u32(start),
          directory: { length: header.u64(start + 8), offset: header.u64(start + 16) },
        },
      }
    default:
      return {}
  }
}

/** Spec: Feature name table. A rest that is no whole entry is left alone. */
function featureNames(bytes: Uint8Array): readonly FeatureName[] {
  return Array.from({ length: Math.floor(bytes.byteLength / featureNameBytes) }, (_, index) => {
    const entry = bytes.subarray(index * featureNameBytes, (index + 1) * featureNameBytes)
    return { type: entry[0] ?? 0, bit: entry[1] ?? 0, name: text(entry.subarray(2)) }
  })
}
