import { isZeroBlock, parseTarHeader, paxRecords, type TarHeader, tarBlockBytes, textOf } from '@holdfast/formats/tar'
import { invalidDescription } from '../errors.js'
import { printable } from '../printable.js'
import { type PositionedBytes, partOf } from './positioned-bytes.js'

/** A file inside an OVA. */
export interface OvaMember {
  /** Name exactly as stated; untrusted. */
  readonly name: string
  /** Where the content begins in the OVA. */
  readonly offset: number
  readonly sizeBytes: number
}

const mostHeaders = 16 * 1024
const longestExtension = 64 * 1024
const hint = 'Fetch or export the OVA again.'

/**
 * Lists the files of an OVA without reading them.
 *
 * Tar libraries stream an archive from its beginning, which for the last disk of an OVA means reading all of the others. This one
 * reads a header, jumps over the content, and tells where it lies, so that a disk inside is read in place and at any position.
 * It knows ustar, the long names of GNU, and the names and sizes of PAX.
 *
 * @throws BackupError `E_SOURCE_INVALID` for what is no tar archive, is cut off, names a file twice, or has links, devices or sparse files
 */
export async function listOva(source: PositionedBytes): Promise<readonly OvaMember[]> {
  const members: OvaMember[] = []
  const names = new Set<string>()
  let extension: Extension = {}
  let offset = 0
  let headers = 0
  while (offset + tarBlockBytes <= source.sizeBytes) {
    const block = new Uint8Array(tarBlockBytes)
    await source.read(offset, block)
    if (isZeroBlock(block)) break
    const header = parseTarHeader(block)
    if (header === undefined) throw wrongOva(`there is no tar header at ${offset}`)
    const entry = { ...header, ...extension.global, ...extension.own }
    const isExtension = 'LKxg'.includes(header.type)
    // An extension's own size is what its header says.
    const member = { offset: offset + tarBlockBytes, sizeBytes: isExtension ? header.sizeBytes : entry.sizeBytes }
    if (member.offset + member.sizeBytes > source.sizeBytes)
      throw wrongOva(`it is cut off inside ${printable(entry.name)}`)
    if (isExtension) extension = await extended(extension, header, partOf(source, member))
    else {
      extension = { global: extension.global ?? {} }
      if (isFile({ ...entry, type: header.type })) {
        if (names.has(entry.name)) throw wrongOva(`it has two files named ${printable(entry.name)}`)
        names.add(entry.name)
        members.push({ name: entry.name, ...member })
      }
    }
    offset = member.offset + Math.ceil(member.sizeBytes / tarBlockBytes) * tarBlockBytes
    headers += 1
    if (headers > mostHeaders) throw wrongOva(`it has more than ${mostHeaders} headers`)
  }
  if (members.length === 0) throw wrongOva('it holds no files')
  return members
}

/** What extension headers say about the next file, and about all that follow. */
interface Extension {
  readonly own?: Partial<Pick<TarHeader, 'name' | 'sizeBytes'>>
  readonly global?: Partial<Pick<TarHeader, 'name' | 'sizeBytes'>>
}

async function extended(before: Extension, header: TarHeader, part: PositionedBytes): Promise<Extension> {
  if (part.sizeBytes > longestExtension) throw wrongOva('a header is too long')
  const bytes = new Uint8Array(part.sizeBytes)
  await part.read(0, bytes)
  // A long name of a link.
  if (header.type === 'K') return before
  if (header.type === 'L') return { ...before, own: { ...before.own, name: textOf(bytes) } }
  const records = paxRecords(bytes)
  if (records === undefined) throw wrongOva('its extended attributes are wrong')
  if ([...records.keys()].some((key) => key.startsWith('GNU.sparse')))
    throw wrongOva('it holds a sparse file, which cannot be read in place')
  const path = records.get('path')
  const size = records.get('size')
  if (size !== undefined && !/^[0-9]{1,15}$/.test(size)) throw wrongOva('a size is no number')
  const said = { ...(path !== undefined && { name: path }), ...(size !== undefined && { sizeBytes: Number(size) }) }
  return header.type === 'g'
    ? { ...before, global: { ...before.global, ...said } }
    : { ...before, own: { ...before.own, ...said } }
}

function isFile({ name, type }: TarHeader): boolean {
  if (type === '5' || (type === '0' && name.endsWith('/'))) return false
  if (type !== '0' && type !== '7') throw wrongOva(`${printable(name)} is no plain file (tar type ${printable(type)})`)
  if (name === '') throw wrongOva('a file has no name')
  return true
}

/** Makes the error for an archive that is wrong. */
export function wrongOva(problem: string): Error {
  return invalidDescription('ova', problem, {}, hint)
}
