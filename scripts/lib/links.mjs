import { fencesOf } from './fences.mjs'

/** @typedef {{ file: string, line: number, target: string }} Link */

/** Lists the links of a Markdown page that stay inside the repository. @param {string} file @param {string} page @returns {Link[]} */
export function linksOf(file, page) {
  return withoutCode(file, page).flatMap((text, index) =>
    [...text.matchAll(/\]\(<?([^)<>\s]+)>?(?:\s+"[^"]*")?\)|^\[[^\]]+\]:\s+(\S+)|^\s+link: (\/\S+)/g)]
      .map((match) => match[1] ?? match[2] ?? match[3] ?? '')
      .filter((target) => !/^([a-z]+:|\/\/)/i.test(target))
      .map((target) => ({ file, line: index + 1, target })),
  )
}

/** Lists the anchors that a page's headings get. @param {string} page @returns {Set<string>} */
export function headingsOf(page) {
  const seen = new Map()
  const anchors = withoutCode('', page).flatMap((text) => {
    const [, title, id] = /^#{1,6}\s+(.*?)(?:\s+\{#([\w-]+)\})?\s*$/.exec(text) ?? []
    if (title === undefined) return []
    const anchor = id ?? slug(title)
    const before = seen.get(anchor) ?? 0
    seen.set(anchor, before + 1)
    return before === 0 ? [anchor] : [`${anchor}-${before}`]
  })
  return new Set(anchors)
}

/** The page's lines, with those inside code emptied. @param {string} file @param {string} page */
function withoutCode(file, page) {
  const lines = page.split('\n')
  for (const fence of fencesOf(file, page)) {
    const length = fence.text.split('\n').length
    for (let index = 0; index < length; index += 1) lines[fence.line - 1 + index] = ''
  }
  return lines.map((line) => line.replaceAll(/`[^`]*`/g, (code) => (line.startsWith('#') ? code : '')))
}

/** @param {string} title */
function slug(title) {
  return title
    .replaceAll(/\[([^\]]*)\]\([^)]*\)/g, '$1')
    .replaceAll(/[`*]/g, '')
    .toLowerCase()
    .replaceAll(/[^\p{L}\p{N}\s_-]+/gu, '')
    .trim()
    .replaceAll(/\s/g, '-')
}
