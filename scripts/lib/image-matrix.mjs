/**
 * Renders the cells that the judged tests of disk images wrote, a line each (image, writer, reader, outcome, note), as a
 * table: a row for each image, a column for each reader.
 *
 * @param {string} text
 * @returns {string[]}
 */
export function imageMatrix(text) {
  const cells = text
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => {
      const [image = '', writer = '', reader = '', outcome = '', note = ''] = line.split('\t')
      return { row: `${writer}: ${image}`, reader, outcome, note }
    })
  if (cells.length === 0) return []
  const readers = [...new Set(cells.map(({ reader }) => reader))].sort()
  const rows = [...new Set(cells.map(({ row }) => row))].sort()
  const notes = [...new Set(cells.map(({ note }) => note).filter((note) => note !== ''))]
  const table = [
    ['written by: image', ...readers],
    ...rows.map((row) => [
      row,
      ...readers.map((reader) =>
        cell(
          cells.filter((one) => one.row === row && one.reader === reader),
          notes,
        ),
      ),
    ]),
  ]
  const widths = table[0]?.map((_, column) => Math.max(...table.map((line) => line[column]?.length ?? 0))) ?? []
  return [
    ...table.map((line) =>
      line
        .map((text, column) => text.padEnd(widths[column] ?? 0))
        .join('  ')
        .trimEnd(),
    ),
    ...notes.map((note, index) => `[${index + 1}] ${note}`),
    `${cells.length} cells, ${cells.filter(({ outcome }) => outcome === 'equal').length} equal, the others known defects of the reader`,
  ]
}

/** @param {readonly { outcome: string, note: string }[]} found @param {readonly string[]} notes */
function cell(found, notes) {
  return found.map(({ outcome, note }) => `${outcome}${note === '' ? '' : ` [${notes.indexOf(note) + 1}]`}`).join(', ')
}
