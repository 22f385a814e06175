// Checks that the pending changesets can be released and that every unreleased package has one.
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { report } from './lib/report.mjs'
import { publicMembers, root } from './lib/workspace.mjs'

const folder = join(root, '.changeset')
const names = new Set(publicMembers().map(({ manifest }) => manifest.name))
const pages = readdirSync(folder).filter((name) => name.endsWith('.md') && name !== 'README.md')
const pending = pages.flatMap((page) => bumpsOf(page, readFileSync(join(folder, page), 'utf8')))
const pendingNames = new Set(pending.map(({ name }) => name))

/** @type {{ fixed: string[][] }} */
const { fixed } = JSON.parse(readFileSync(join(folder, 'config.json'), 'utf8'))
const unreleased = publicMembers().filter(({ path }) => !existsSync(join(path, 'CHANGELOG.md')))

report(pending.length + fixed.flat().length + unreleased.length, [
  ...pending.flatMap(({ page, name, bump }) => [
    ...(names.has(name) ? [] : [`${page}: ${name} is no public package of this workspace`]),
    ...(['patch', 'minor', 'major'].includes(bump) ? [] : [`${page}: ${name}: '${bump}' is no kind of release`]),
  ]),
  ...fixed.flat().flatMap((name) => (names.has(name) ? [] : [`config.json: ${name} is no public package`])),
  ...unreleased.flatMap(({ manifest: { name } }) =>
    pendingNames.has(name) ? [] : [`${name} was never released and has no changeset; add one with: pnpm changeset`],
  ),
])

/** @param {string} page @param {string} text */
function bumpsOf(page, text) {
  const [, frontMatter = '', summary = ''] = /^---\n([\s\S]*?)\n?---\n([\s\S]*)$/.exec(text) ?? []
  if (summary.trim() === '') throw new Error(`.changeset/${page} has no front matter or no text`)
  return frontMatter
    .split('\n')
    .filter((line) => line.trim() !== '')
    .map((line) => {
      const [, name = line, bump = ''] = /^["']?([^"':]+)["']?:\s*(\w+)\s*$/.exec(line) ?? []
      return { page, name, bump }
    })
}
