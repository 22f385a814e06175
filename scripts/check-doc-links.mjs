// Checks the relative links of every page: the file is there, and so is the heading behind a #.
import { existsSync, readFileSync, statSync } from 'node:fs'
import { join, posix } from 'node:path'
import { headingsOf, linksOf } from './lib/links.mjs'
import { report } from './lib/report.mjs'
import { markdownFiles } from './lib/source-files.mjs'
import { root } from './lib/workspace.mjs'

const links = markdownFiles().flatMap((file) => linksOf(file, readFileSync(join(root, file), 'utf8')))
const problems = links.flatMap(({ file, line, target }) => {
  const reason = whyBroken(file, target)
  return reason === undefined ? [] : [`${file}:${line}: ${target}: ${reason}`]
})
report(links.length, problems)

/** @param {string} from @param {string} target */
function whyBroken(from, target) {
  const [path = '', heading] = target.split('#')
  const page = path === '' ? from : pageAt(from, decodeURIComponent(path))
  if (page === undefined) return 'there is no such file'
  if (page === 'generated' || heading === undefined || !page.endsWith('.md')) return undefined
  const known = headingsOf(readFileSync(join(root, page), 'utf8'))
  return known.has(decodeURIComponent(heading)) ? undefined : `${page} has no such heading`
}

/** Finds what a path means; in the docs a page may be named without .md, and / is the docs folder. @param {string} from @param {string} path */
function pageAt(from, path) {
  const inDocs = from.startsWith('docs/')
  const plain = path.startsWith('/') ? posix.join('docs', path) : posix.join(posix.dirname(from), path)
  if (inDocs && plain.startsWith('docs/reference/api')) return 'generated'
  const candidates = inDocs ? [plain, `${plain}.md`, posix.join(plain, 'index.md')] : [plain]
  if (inDocs && plain.endsWith('.html')) candidates.push(`${plain.slice(0, -'.html'.length)}.md`)
  return candidates.find((candidate) => existsSync(join(root, candidate)) && (!inDocs || isFile(candidate)))
}

/** @param {string} path */
function isFile(path) {
  return statSync(join(root, path)).isFile()
}
