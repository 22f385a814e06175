import type { Entry } from '@holdfast/filesystems'
import type { Column } from '../render/table.js'

/** Headings of a list of entries. */
export const entryColumns: readonly Column[] = [
  { heading: 'mode' },
  { heading: 'owner' },
  { heading: 'size', align: 'right' },
  { heading: 'modified' },
  { heading: 'name' },
]

const letters: Readonly<Record<Entry['type'], string>> = {
  file: '-',
  directory: 'd',
  symlink: 'l',
  'char-device': 'c',
  'block-device': 'b',
  fifo: 'p',
  socket: 's',
  other: '?',
}

/** An entry as a row; `target` is where a link leads. */
export function entryRow(
  { name, type, sizeBytes, metadata, problem }: Entry,
  target: string | undefined,
): readonly string[] {
  const { mode, uid, gid, modifiedAt } = metadata
  const tail = problem !== undefined ? ` (${problem.message})` : target === undefined ? '' : ` -> ${target}`
  return [
    `${letters[type]}${mode === undefined ? '' : modeText(mode)}`,
    uid === undefined ? '' : `${uid}:${gid ?? ''}`,
    String(sizeBytes),
    modifiedAt === undefined ? '' : modifiedAt.toISOString().replace('T', ' ').slice(0, 19),
    `${name}${type === 'directory' ? '/' : ''}${tail}`,
  ]
}

/** An entry for programs. */
export function entryDocument(entry: Entry, target: string | undefined): object {
  const { path, type, sizeBytes, metadata, problem } = entry
  return {
    path,
    type,
    sizeBytes,
    ...metadata,
    ...(target !== undefined && { target }),
    ...(problem !== undefined && { problem: problem.message }),
  }
}

function modeText(mode: number): string {
  const bits = ['r', 'w', 'x', 'r', 'w', 'x', 'r', 'w', 'x']
  const text = bits.map((letter, i) => ((mode & (0o400 >> i)) === 0 ? '-' : letter))
  const special = (bit: number, at: number, [set, bare]: readonly [string, string]) => {
    if ((mode & bit) !== 0) text[at] = text[at] === 'x' ? set : bare
  }
  special(0o4000, 2, ['s', 'S'])
  special(0o2000, 5, ['s', 'S'])
  special(0o1000, 8, ['t', 'T'])
  return text.join('')
}
