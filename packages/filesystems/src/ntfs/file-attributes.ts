import type { FileAttribute } from '../filesystem.js'

const names: readonly (readonly [bit: number, name: FileAttribute])[] = [
  [0x1, 'read-only'],
  [0x2, 'hidden'],
  [0x4, 'system'],
  [0x20, 'archive'],
  [0x800, 'compressed'],
  [0x4000, 'encrypted'],
]
const elsewhere = { offline: 0x1000, recalledOnOpen: 0x4_0000, recalledOnRead: 0x40_0000 } as const

/** Names the attributes that are set. */
export function fileAttributes(bits: number): readonly FileAttribute[] {
  return names.filter(([bit]) => (bits & bit) !== 0).map(([, name]) => name)
}

/** Tells whether the content was moved away, to a cloud or an archive, or may have been. */
export function isElsewhere(bits: number): boolean {
  return (bits & (elsewhere.offline | elsewhere.recalledOnOpen | elsewhere.recalledOnRead)) !== 0
}
