import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import { root } from './workspace.mjs'

const skipped = new Set(['node_modules', 'dist', 'coverage', '.git', 'cache', 'fixtures'])

/** Lists every source file of the workspace, as paths below the root. @returns {string[]} */
export function sourceFiles() {
  return filesBelow('', /\.(ts|mts|mjs|js)$/)
}

/** Lists every Markdown page that people write, as paths below the root. @returns {string[]} */
export function markdownFiles() {
  return filesBelow('', /\.md$/).filter(
    (file) => !/^docs\/reference\/api\/|(^|\/)CHANGELOG\.md$|^\.changeset\//.test(file),
  )
}

/** @param {string} folder @param {RegExp} wanted @returns {string[]} */
function filesBelow(folder, wanted) {
  return readdirSync(join(root, folder), { withFileTypes: true }).flatMap((entry) => {
    const path = folder === '' ? entry.name : `${folder}/${entry.name}`
    if (entry.isDirectory()) return skipped.has(entry.name) ? [] : filesBelow(path, wanted)
    return wanted.test(entry.name) ? [path] : []
  })
}
