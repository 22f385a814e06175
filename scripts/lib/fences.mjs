/**
 * @typedef {object} Fence
 * @property {string} file
 * @property {number} line Line of the fence's first line of text.
 * @property {string} language
 * @property {string} rest What follows the language: `holdfast`, `ignore <reason>`, `[file-name.ts]`.
 * @property {string} text
 */

/** Lists the code fences of a Markdown page. @param {string} file @param {string} page @returns {Fence[]} */
export function fencesOf(file, page) {
  /** @type {Fence[]} */
  const fences = []
  /** @type {(Fence & { marker: string, indent: number, lines: string[] }) | undefined} */
  let open
  for (const [index, line] of page.split('\n').entries()) {
    const match = /^(\s*)(`{3,}|~{3,})\s*(\S*)\s*(.*)$/.exec(line)
    if (open === undefined && match !== null) {
      const [, indent = '', marker = '', language = '', rest = ''] = match
      open = { file, line: index + 2, language, rest: rest.trim(), text: '', marker, indent: indent.length, lines: [] }
    } else if (open !== undefined && line.trim().startsWith(open.marker) && match?.[3] === '') {
      const { marker: _, indent, lines, ...fence } = open
      fences.push({ ...fence, text: lines.map((text) => text.slice(indent)).join('\n') })
      open = undefined
    } else open?.lines.push(line)
  }
  if (open !== undefined) throw new Error(`${file}:${open.line}: the code fence is never closed`)
  return fences
}
