import type { CallOptions } from '../filesystem.js'
import { damaged, FilesystemError } from '../filesystem-error.js'
import { type Attribute, attributeTypes } from './attribute.js'
import { readAttribute } from './attribute-content.js'
import { decodeAttributeList } from './attribute-list.js'
import type { FileRecord } from './file-record.js'
import type { NtfsVolume } from './volume.js'

/** An attribute of a file, wherever its parts are recorded. */
export interface AttributeParts {
  readonly type: number
  readonly name: string
  /** In ascending order of their clusters. */
  readonly parts: readonly AttributePart[]
}

/** A part of an attribute. */
export interface AttributePart {
  readonly firstCluster: number
  readonly load: (options: CallOptions) => Promise<Attribute>
}

/** Windows takes no longer lists. */
const mostListBytes = 2 ** 18

/** Gathers the attributes of a file, those in records that continue its own among them. @throws FilesystemError `damaged`, `read` */
export async function attributesOf(
  volume: NtfsVolume,
  record: FileRecord,
  options: CallOptions,
): Promise<readonly AttributeParts[]> {
  const list = record.attributes.find(({ type }) => type === attributeTypes.attributeList)
  if (list === undefined) {
    return grouped(
      record.attributes.map((attribute) => ({
        ...attribute,
        part: { firstCluster: firstCluster(attribute), load: async () => attribute },
      })),
    )
  }
  const inode = record.number
  const bytes = await readAttribute(
    volume,
    inode,
    [{ firstCluster: 0, load: async () => list }],
    mostListBytes,
    options,
  )
  return grouped(
    decodeAttributeList(bytes, inode).map((entry) => ({
      ...entry,
      part: {
        firstCluster: entry.firstCluster,
        load: async (callOptions) => {
          const holder = entry.record.number === inode ? record : await volume.record(entry.record, callOptions)
          if (holder !== record && holder.base.number !== inode)
            throw damaged(`file record ${holder.number} does not continue ${inode}`, { inode })
          const found = holder.attributes.find(
            ({ type, instance }) => type === entry.type && instance === entry.instance,
          )
          if (found === undefined || firstCluster(found) !== entry.firstCluster)
            throw damaged(`file record ${holder.number} lacks an attribute of ${inode}`, { inode })
          return found
        },
      },
    })),
  )
}

/** Finds one attribute by type and name. */
export function attributeOf(
  attributes: readonly AttributeParts[],
  type: number,
  name = '',
): readonly AttributePart[] | undefined {
  return attributes.find((attribute) => attribute.type === type && attribute.name === name)?.parts
}

function firstCluster({ content }: Attribute): number {
  return content.kind === 'stored' ? content.firstCluster : 0
}

/** File names share type and name, so only the parts of stored attributes are joined: those behind the first cluster. */
function grouped(
  found: readonly { readonly type: number; readonly name: string; readonly part: AttributePart }[],
): readonly AttributeParts[] {
  const groups = new Map<string, { readonly type: number; readonly name: string; readonly parts: AttributePart[] }>()
  const all: { readonly type: number; readonly name: string; readonly parts: AttributePart[] }[] = []
  for (const { type, name, part } of found) {
    const key = `${type} ${name}`
    const group = groups.get(key)
    if (group !== undefined && part.firstCluster > 0) {
      if (part.firstCluster <= (group.parts.at(-1)?.firstCluster ?? 0))
        throw new FilesystemError('damaged', 'The parts of an attribute are not in order.')
      group.parts.push(part)
      continue
    }
    const made = { type, name, parts: [part] }
    groups.set(key, made)
    all.push(made)
  }
  return all
}
