import { printable } from './printable.js'

/** A column: its heading, and whether it holds numbers. */
export interface Column {
  readonly heading: string
  readonly align?: 'left' | 'right'
}

/** Lays rows out in columns, heading first. The last column may be of any width. */
export function renderTable(
  columns: readonly Column[],
  rows: readonly (readonly string[])[],
  emphasise: (heading: string) => string,
): readonly string[] {
  const cells = rows.map((row) => row.map(printable))
  const widths = columns.map(({ heading }, i) => Math.max(heading.length, ...cells.map((row) => row[i]?.length ?? 0)))
  const line = (row: readonly string[]) =>
    columns
      .map(({ align }, i) => {
        const cell = row[i] ?? ''
        if (align === 'right') return cell.padStart(widths[i] ?? 0)
        return i === columns.length - 1 ? cell : cell.padEnd(widths[i] ?? 0)
      })
      .join('  ')
      .trimEnd()
  return [emphasise(line(columns.map(({ heading }) => heading))), ...cells.map(line)]
}
