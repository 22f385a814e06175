import { corrupt, ImageError } from '../image/image-error.js'
import { type CreateType, onDevice, parseCreateType } from './create-type.js'
import { decodeDescriptor } from './descriptor-text.js'
import { type ExtentLine, isExtentLine, parseExtentLine } from './extent-line.js'
import { sectorBytes } from './sectors.js'
import { tooLarge, unsupported } from './vmdk-error.js'

/** What a descriptor says (Virtual Disk Format 5.0, "The Descriptor File"). */
export interface Descriptor {
  readonly version: number
  readonly encoding: string
  /** Content id, as 8 lower-case hex digits: changes whenever the disk was opened and written to. */
  readonly cid: string
  /** Content id that the parent must have; absent when there is no parent. */
  readonly parentCid?: string
  /** Where the parent was when the child was made: untrusted text, perhaps of another operating system. */
  readonly parentFileNameHint?: string
  readonly createType: CreateType
  readonly extents: readonly ExtentLine[]
  /** `ddb.` entries by their names without that prefix. */
  readonly database: ReadonlyMap<string, string>
  /** File in which ESXi tracks changed blocks. */
  readonly changeTrackPath?: string
}

/** Versions that are published; 2 is not written by any product, 3 allows changed block tracking. */
const versions = [1, 2, 3]
/** Extents of one disk: each may be an open file. VMware's largest split disk, of 8 TiB, has 4098. */
const extentsLimit = 8192
const noParent = 'ffffffff'
const databasePrefix = 'ddb.'

/**
 * Parses a descriptor: the whole text file, or the sectors of it that a sparse extent embeds.
 *
 * @throws ImageError `corrupt`, `unsupported`, `encrypted`, `limit`
 */
export function parseDescriptor(bytes: Uint8Array, file: string): Descriptor {
  const { text, encoding } = decodeDescriptor(bytes, file)
  const { values, lines } = parseLines(text, file)
  refuseEncrypted(values, file)
  const version = Number(values.get('version'))
  if (!versions.includes(version))
    throw unsupported(
      `its descriptor has version ${values.get('version') ?? 'none'}`,
      file,
      `Known are ${versions.join(', ')}.`,
    )
  const createType = parseCreateType(values.get('createtype'), file)
  const cid = parseCid(values.get('cid'), 'CID', file)
  if (cid === undefined) throw corrupt('its descriptor has no CID', file)
  const parentCid = parseCid(values.get('parentcid'), 'parentCID', file) ?? noParent
  const hint = values.get('parentfilenamehint')
  if (parentCid !== noParent && (hint === undefined || hint === ''))
    throw corrupt(`its descriptor has a parent, ${parentCid}, but does not name its file`, file)
  const changeTrackPath = values.get('changetrackpath')
  return {
    version,
    encoding,
    cid,
    ...(parentCid !== noParent && { parentCid, parentFileNameHint: hint ?? '' }),
    createType,
    extents: parseExtents(lines, file),
    database: databaseOf(values),
    ...(changeTrackPath !== undefined && { changeTrackPath }),
  }
}

/** Tells by the first lines whether bytes may be a descriptor: comments, then the version. */
export function looksLikeDescriptor(bytes: Uint8Array): boolean {
  const text = new TextDecoder('windows-1252').decode(bytes)
  return /^(?:\ufeff|ï»¿)?(?:[ \t]*(?:#[^\r\n]*)?\r?\n)*[ \t]*version[ \t]*=[ \t]*"?\d/i.test(text)
}

interface DescriptorLines {
  /** By lower-case name: products differ in how they write them. */
  readonly values: ReadonlyMap<string, string>
  /** Lines that state extents. */
  readonly lines: readonly string[]
}

function parseLines(text: string, file: string): DescriptorLines {
  const values = new Map<string, string>()
  const lines: string[] = []
  for (const raw of text.replace(/^\ufeff/, '').split(/\r\n|\n|\r/)) {
    const line = raw.trim()
    if (line === '' || line.startsWith('#')) continue
    if (isExtentLine(line)) {
      lines.push(line)
      continue
    }
    const [, name, value] = /^([^=\s]+)\s*=\s*(.*)$/.exec(line) ?? []
    // A damaged extent line must not make the disk smaller in silence.
    if (name === undefined || value === undefined)
      throw corrupt(`its descriptor has a line that is not understood: ${line.slice(0, 200)}`, file)
    const key = name.toLowerCase()
    const plain = unquote(value)
    const earlier = values.get(key)
    if (earlier !== undefined && earlier !== plain)
      throw corrupt(`its descriptor states ${name} twice: ${earlier} and ${plain}`, file)
    values.set(key, plain)
  }
  return { values, lines }
}

function unquote(value: string): string {
  return value.length > 1 && value.startsWith('"') && value.endsWith('"') ? value.slice(1, -1) : value
}

function parseCid(text: string | undefined, name: string, file: string): string | undefined {
  if (text === undefined) return undefined
  // QEMU leaves out leading zeros.
  if (/^[0-9a-f]{1,8}$/i.test(text)) return text.toLowerCase().padStart(8, '0')
  throw corrupt(`its descriptor has the ${name} ${text.slice(0, 40)}, which is no number of 8 hex digits`, file)
}

function parseExtents(lines: readonly string[], file: string): readonly ExtentLine[] {
  if (lines.length === 0) throw corrupt('its descriptor has no extent', file)
  if (lines.length > extentsLimit)
    throw tooLarge(
      `its descriptor has ${lines.length} extents`,
      file,
      `At most ${extentsLimit} are read; convert the disk to fewer files with vmware-vdiskmanager.`,
    )
  const extents = lines.map((line) => parseExtentLine(line, file))
  let bytes = 0
  for (const { type, name = '', access, sectors } of extents) {
    if (type === 'VMFSRDM' || type === 'VMFSRAW') throw onDevice(`its extent ${name} is of type ${type}`, file)
    if (access === 'NOACCESS' && type !== 'ZERO')
      throw unsupported(
        `its extent ${name} is marked NOACCESS, so that nobody may say what the disk holds there`,
        file,
        'Give the virtual machine access to the whole disk, then take the image again.',
      )
    bytes += sectors * sectorBytes
  }
  if (!Number.isSafeInteger(bytes))
    throw tooLarge(`its extents add up to ${bytes} bytes`, file, 'No product makes disks of that size.')
  return extents
}

/** VM encryption leaves keys and its I/O filter in the descriptor; the extents hold nothing but noise then. */
function refuseEncrypted(values: ReadonlyMap<string, string>, file: string): void {
  const keys = [...values].find(
    ([name, value]) => name === 'encryptionkeys' || name === 'keyid' || value.startsWith('vmware:key/'),
  )
  const filters = values.get('ddb.iofilters') ?? ''
  if (keys === undefined && !filters.includes('vmcrypt')) return
  throw new ImageError('encrypted', `its descriptor says that the disk is encrypted (${keys?.[0] ?? filters})`, {
    file,
    hint: 'Read the disk through vSphere, which has the key, or decrypt it by its storage policy first.',
  })
}

function databaseOf(values: ReadonlyMap<string, string>): ReadonlyMap<string, string> {
  const entries = [...values].filter(([name]) => name.startsWith(databasePrefix))
  return new Map(entries.map(([name, value]) => [name.slice(databasePrefix.length), value]))
}
