import type { Owner } from '../monitor/owner.js'

/** What is put into QEMU for each disk, in the order in which it is made; the last two are alternatives. */
export const roles = ['scratch', 'filter', 'target', 'snapshot', 'export', 'copy'] as const

/** One of them. */
export type Role = (typeof roles)[number]

/** A name that says whose a thing is. */
export interface OwnedName {
  readonly owner: Owner
  readonly role: Role | 'paused' | 'server'
  readonly disk: number
}

const pattern =
  /^hf-([0-9]{1,10}-[0-9a-z]{1,12})-(scratch|filter|target|snapshot|export|copy|paused|server)-([0-9]{1,3})$/

/** Names a node, an export, a job or a mark. */
export function ownedName(owner: Owner, role: OwnedName['role'], disk = 0): string {
  return `hf-${owner}-${role}-${disk}`
}

/** Reads such a name; undefined for names of others. */
export function readOwnedName(name: string): OwnedName | undefined {
  const [, owner, role, disk] = pattern.exec(name) ?? []
  if (owner === undefined || role === undefined) return undefined
  return { owner, role: role as OwnedName['role'], disk: Number(disk) }
}

/** Names the bitmap on a filter that holds the changes to export, and keeps the name of the node that the filter stands on. */
export function changesBitmap(node: string): string {
  return `over ${node}`
}

/** The node that a filter stands on, by its bitmap. */
export function filteredNode(bitmap: string): string | undefined {
  return bitmap.startsWith('over ') ? bitmap.slice('over '.length) : undefined
}
