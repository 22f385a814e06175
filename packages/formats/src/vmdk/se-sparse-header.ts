import type { NamedSource } from '../bytes/byte-source.js'
import { type Fields, fields } from '../bytes/fields.js'
import { assertWithin, readPart } from '../bytes/read-part.js'
import { corrupt } from '../image/image-error.js'
import { isZero } from '../image/is-zero.js'
import { sectorBytes } from './sectors.js'
import { unsupported } from './vmdk-error.js'

/** First field of both headers; 64 bits in the file. */
export const seSparseMagic = 0xcafebabe
const volatileMagic = 0xcafecafe

/** The one version that is known: 2.1 in two halves. */
const version21 = 0x0000_0002_0000_0001n
const grainSectors = 8
const tableSectors = 64

/**
 * Fields of the constant header. VMware publishes no layout; this one is in the comments and structures of QEMU's
 * block/vmdk.c (`VMDKSESparseConstHeader`), which were checked against disks of ESXi.
 */
const at = {
  magic: 0,
  version: 8,
  capacity: 16,
  grainSectors: 24,
  tableSectors: 32,
  flags: 40,
  reserved: 48,
  reservedEnd: 80,
  volatileSector: 80,
  directorySector: 128,
  directorySectors: 136,
  tablesSector: 144,
  tablesSectors: 152,
  grainsSector: 192,
  grainsSectors: 200,
  end: 208,
} as const
const volatileAt = { magic: 0, replayJournal: 24, end: 32 } as const

/** What is needed of the headers; the areas as bytes of the file. */
export interface SeSparseHeader {
  readonly capacity: number
  readonly grainSectors: number
  readonly tableBytes: number
  readonly directory: { readonly offset: number; readonly length: number }
  readonly tables: { readonly offset: number; readonly length: number }
  readonly grains: { readonly offset: number; readonly length: number }
}

/** Reads both headers. Nothing is guessed of a layout that nobody published. @throws ImageError `corrupt`, `unsupported` */
export async function readSeSparseHeader(file: NamedSource): Promise<SeSparseHeader> {
  const bytes = await readPart(file, 0, sectorBytes, 'the constant header')
  const header = fields(bytes, 'little', file.name)
  const { u64, bits64 } = header
  if (bits64(at.magic) !== BigInt(seSparseMagic))
    throw corrupt('it has no header of a space-efficient sparse extent', file.name, at.magic)
  if (bits64(at.version) !== version21)
    throw unknown(`its header has version 0x${bits64(at.version).toString(16)}`, file.name)
  if (u64(at.grainSectors) !== grainSectors) throw unknown(`its grains have ${u64(at.grainSectors)} sectors`, file.name)
  if (u64(at.tableSectors) !== tableSectors)
    throw unknown(`its grain tables have ${u64(at.tableSectors)} sectors`, file.name)
  if (bits64(at.flags) !== 0n) throw unknown(`its header has the flags 0x${bits64(at.flags).toString(16)}`, file.name)
  if (!isZero(bytes, at.reserved, at.reservedEnd) || !isZero(bytes, at.end))
    throw unknown('its header uses reserved fields', file.name)
  await assertReplayed(file, u64(at.volatileSector) * sectorBytes)
  return {
    capacity: u64(at.capacity),
    grainSectors,
    tableBytes: tableSectors * sectorBytes,
    directory: area(header, at.directorySector, 'the grain directory', file),
    tables: area(header, at.tablesSector, 'the area of grain tables', file),
    // ESXi lets the file grow as grains are written: this area may end behind it.
    grains: { offset: u64(at.grainsSector) * sectorBytes, length: u64(at.grainsSectors) * sectorBytes },
  }
}

function area({ u64 }: Fields, field: number, what: string, file: NamedSource): SeSparseHeader['directory'] {
  const [offset, length] = [u64(field) * sectorBytes, u64(field + 8) * sectorBytes]
  if (offset < sectorBytes) throw corrupt(`${what} at ${offset} is within the header`, file.name, field)
  assertWithin(offset, length, file, what)
  return { offset, length }
}

/** A journal that was not replayed holds changes of the tables: without it they are those of an earlier moment. */
async function assertReplayed(file: NamedSource, offset: number): Promise<void> {
  const bytes = await readPart(file, offset, sectorBytes, 'the volatile header')
  const { bits64 } = fields(bytes, 'little', file.name)
  if (bits64(volatileAt.magic) !== BigInt(volatileMagic))
    throw corrupt('its volatile header has no signature', file.name, offset)
  if (bits64(volatileAt.replayJournal) !== 0n)
    throw unsupported(
      'its journal was not replayed: the host died while it wrote',
      file.name,
      'Open the disk once on ESXi (power the machine on, or clone the disk with vmkfstools): that replays the journal.',
    )
  if (!isZero(bytes, volatileAt.end)) throw unknown('its volatile header uses reserved fields', file.name)
}

function unknown(message: string, file: string): Error {
  return unsupported(message, file, 'Clone the disk with vmkfstools -i: the clone is of a kind that is read.')
}
