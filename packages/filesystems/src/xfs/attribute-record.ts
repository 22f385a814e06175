import { nameFromBytes } from '../names/name-bytes.js'

/** An extended attribute as it is stored; its value may lie elsewhere. */
export interface AttributeRecord {
  /** With its namespace in front, as Linux names it. */
  readonly name: string
  readonly value: Uint8Array | { readonly block: number; readonly length: number }
}

/** Flags of an entry; those without a namespace are of users. */
const flags = { local: 0x1, trusted: 0x2, secure: 0x4, parent: 0x8, incomplete: 0x80 } as const

/** Tells whether a value stands beside its name. */
export function isLocal(flag: number): boolean {
  return (flag & flags.local) !== 0
}

/** Tells whether an entry is an attribute of the file, neither a half-written one nor a pointer to its parent. */
export function isListed(flag: number): boolean {
  return (flag & (flags.parent | flags.incomplete)) === 0
}

/** Names an attribute. */
export function attributeName(name: Uint8Array, flag: number): string {
  const namespace = (flag & flags.trusted) !== 0 ? 'trusted' : (flag & flags.secure) !== 0 ? 'security' : 'user'
  return `${namespace}.${nameFromBytes(name)}`
}
