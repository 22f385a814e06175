import { corrupt } from '../image/image-error.js'

/** Types of extents (Virtual Disk Format 5.0, "The Extents"; SESPARSE from ESXi 5.1 on). */
const extentTypes = ['FLAT', 'SPARSE', 'ZERO', 'VMFS', 'VMFSSPARSE', 'VMFSRDM', 'VMFSRAW', 'SESPARSE'] as const
const accessModes = ['RW', 'RDONLY', 'NOACCESS'] as const

/** One extent of a disk as its descriptor states it. */
export interface ExtentLine {
  readonly access: (typeof accessModes)[number]
  readonly sectors: number
  readonly type: (typeof extentTypes)[number]
  /** Absent for ZERO. Untrusted text. */
  readonly name?: string
  /** Where the extent begins in its file, for FLAT and VMFS. */
  readonly startSector: number
}

const beginsExtent = /^(?:RW|RDONLY|NOACCESS)\s/i
/** Access, sectors, type, name with or without quotes, start; devices have more words behind, which are not read. */
const extentWords = /^(\S+)\s+(\d{1,16})\s+([A-Za-z]+)(?:\s+(?:"([^"]*)"|(\S+)))?(?:\s+(\d{1,16}))?(?:\s.*)?$/

/** Tells whether a line states an extent. */
export function isExtentLine(line: string): boolean {
  return beginsExtent.test(line)
}

/** Parses a line that states an extent. @throws ImageError `corrupt` */
export function parseExtentLine(line: string, file: string): ExtentLine {
  const [, accessWord = '', sectorsWord = '', typeWord = '', quoted, bare, start = '0'] = extentWords.exec(line) ?? []
  const access = accessModes.find((known) => known === accessWord.toUpperCase())
  const type = extentTypes.find((known) => known === typeWord.toUpperCase())
  const [sectors, startSector] = [Number(sectorsWord), Number(start)]
  const name = quoted ?? bare
  if (access === undefined || type === undefined || sectors === 0)
    throw corrupt(`its descriptor has an extent line that is not understood: ${line.slice(0, 200)}`, file)
  if (type === 'ZERO') return { access, sectors, type, startSector: 0 }
  if (name === undefined || name === '') throw corrupt(`its descriptor has an extent without a file: ${line}`, file)
  return { access, sectors, type, name, startSector }
}
