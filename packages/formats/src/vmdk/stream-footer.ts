import type { NamedSource } from '../bytes/byte-source.js'
import { fields } from '../bytes/fields.js'
import { corrupt } from '../image/image-error.js'
import { type HostedHeader, hostedHeaderBytes, hostedMagic, parseHostedHeader } from './hosted-header.js'
import { sectorBytes } from './sectors.js'

/** Kinds of metadata markers (5.0, "Stream-Optimized Compressed Sparse Extents", "Markers"). */
export const markerTypes = { endOfStream: 0, grainTable: 1, grainDirectory: 2, footer: 3 } as const

/** A metadata marker: sectors of metadata behind it, a zero that tells it from a grain, and its kind. */
export const markerFields = { sectors: 0, size: 8, type: 12 } as const

/** Footer marker, footer, end of stream. */
const endSectors = 3

/** What stands at the end of a stream. */
export interface StreamEnd {
  readonly header: HostedHeader
  /** Markers around the footer that are not what they must be: nothing is read by them. */
  readonly flaws: readonly string[]
}

/**
 * Reads the footer of an extent whose header says that the directory is at the end; the footer takes precedence.
 *
 * @throws ImageError `corrupt` when there is none, as in a stream that was cut
 */
export async function readStreamEnd(file: NamedSource, header: HostedHeader): Promise<StreamEnd> {
  const { name, source } = file
  const at = source.sizeBytes - endSectors * sectorBytes
  const end = new Uint8Array(endSectors * sectorBytes)
  if (at < hostedHeaderBytes) throw cutStream(file)
  await source.read(at, end)
  const { u32, u64 } = fields(end, 'little', name)
  const footerAt = sectorBytes
  if (u32(footerAt) !== hostedMagic) throw cutStream(file)
  const footer = parseHostedHeader(end.subarray(footerAt, footerAt + hostedHeaderBytes), name)
  if (footer.directorySector === undefined) throw corrupt('its footer names no grain directory', name, at + footerAt)
  for (const key of ['capacity', 'grainSectors', 'entriesPerTable', 'compressed', 'zeroedGrains'] as const) {
    if (footer[key] !== header[key])
      throw corrupt(`header and footer differ in ${key}: ${header[key]} and ${footer[key]}`, name, at + footerAt)
  }
  const flaws: string[] = []
  if (u32(markerFields.size) !== 0 || u32(markerFields.type) !== markerTypes.footer)
    flaws.push('no marker stands before the footer')
  const eosAt = 2 * sectorBytes
  if (
    u64(eosAt) !== 0 ||
    u32(eosAt + markerFields.size) !== 0 ||
    u32(eosAt + markerFields.type) !== markerTypes.endOfStream
  )
    flaws.push('no end-of-stream marker stands behind the footer')
  return { header: footer, flaws }
}

function cutStream({ name, source }: NamedSource): Error {
  return corrupt(
    'its header says that the grain directory is at the end, but no footer is there: the stream was cut or never finished',
    name,
    Math.max(0, source.sizeBytes - 2 * sectorBytes),
  )
}
