import { unsupported } from '../filesystem-error.js'

/** Incompatible features of ext2, 3 and 4 (`s_feature_incompat`): a reader must know them all. */
export const incompatible = {
  compression: 0x1,
  filetype: 0x2,
  recover: 0x4,
  journalDevice: 0x8,
  metaBlockGroups: 0x10,
  extents: 0x40,
  bits64: 0x80,
  multipleMountProtection: 0x100,
  flexibleGroups: 0x200,
  attributeInodes: 0x400,
  dirdata: 0x1000,
  checksumSeed: 0x2000,
  largeDirectories: 0x4000,
  inlineData: 0x8000,
  encrypt: 0x1_0000,
  casefold: 0x2_0000,
} as const

/** Features that only a writer must know (`s_feature_ro_compat`), of those a reader makes use of. */
export const readOnlyCompatible = { sparseSuper: 0x1, bigalloc: 0x200, metadataChecksums: 0x400 } as const

/** Features that nobody must know (`s_feature_compat`), of those a reader makes use of. */
export const compatible = { hasJournal: 0x4, sparseSuper2: 0x200 } as const

const refused: readonly (readonly [bits: number, name: string])[] = [
  [incompatible.compression, 'compression (e2compr)'],
  [incompatible.journalDevice, 'a device of its own for the journal of another file system'],
  [incompatible.dirdata, 'data in directory entries (dirdata)'],
]
const known = Object.values(incompatible).reduce((all, bits) => all | bits, 0)

/** Refuses what is not read, by its name. @throws FilesystemError `unsupported` */
export function assertReadable(bits: number): void {
  const names = refused.filter(([bit]) => (bits & bit) !== 0).map(([, name]) => name)
  const unknown = (bits & ~known) >>> 0
  if (unknown !== 0) names.push(`the incompatible features 0x${unknown.toString(16)}, which are not known`)
  if (names.length > 0) throw unsupported(`the ext file system uses ${names.join(' and ')}`, { offset: 1024 })
}
