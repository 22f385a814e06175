import { dateAt, type MoRef, membersOf, present, refAt, textAt, type XmlElement } from '@holdfast/protocol-vim'

/** A snapshot of a machine. */
export interface SnapshotNode {
  readonly ref: MoRef
  readonly name: string
  readonly createdAt: Date
}

/** Lists the snapshots of a machine, each before those that were taken on it. @throws VimError `protocol` */
export function snapshotTree(info: XmlElement | undefined): readonly SnapshotNode[] {
  return membersOf(info, 'rootSnapshotList').flatMap(withChildren)
}

function withChildren(node: XmlElement): readonly SnapshotNode[] {
  return [
    {
      ref: present(refAt(node, 'snapshot'), 'a snapshot'),
      name: textAt(node, 'name') ?? '',
      createdAt: present(dateAt(node, 'createTime'), 'the time of a snapshot'),
    },
    ...membersOf(node, 'childSnapshotList').flatMap(withChildren),
  ]
}
