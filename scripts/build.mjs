// Builds the packages whose sources changed since their last build, in dependency order. `--force` builds all.
import { spawnSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { existsSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { members, root } from './lib/workspace.mjs'

/** @typedef {import('./lib/workspace.mjs').Member} Member */

const ledgerFolder = join(root, 'node_modules', '.holdfast')
const ledgerFile = join(ledgerFolder, 'builds.json')
const sharedRecipe = ['tsup.preset.ts', 'tsconfig.base.json']

const buildable = members().filter((member) => member.manifest.scripts?.['build'] !== undefined)
/** @type {Record<string, string>} */
const ledger = existsSync(ledgerFile) ? JSON.parse(readFileSync(ledgerFile, 'utf8')) : {}
const stale = buildable.filter(
  (member) => process.argv.includes('--force') || ledger[member.folder] !== buildState(member),
)

if (stale.length > 0) {
  console.log(`Building ${stale.map((member) => member.manifest.name).join(', ')}`)
  const filters = stale.flatMap((member) => ['--filter', `./${member.folder}`])
  const { status } = spawnSync('pnpm', ['--recursive', '--workspace-concurrency=2', ...filters, 'run', 'build'], {
    cwd: root,
    stdio: 'inherit',
    shell: process.platform === 'win32',
  })
  if (status !== 0) process.exit(status ?? 1)
  for (const member of stale) ledger[member.folder] = buildState(member)
  mkdirSync(ledgerFolder, { recursive: true })
  writeFileSync(ledgerFile, `${JSON.stringify(ledger, null, 2)}\n`)
}
console.log(`${buildable.length} packages are built, ${buildable.length - stale.length} were up to date`)

/**
 * Digests what a build is made from and when its output was written: a dist that something else rebuilt is stale too.
 *
 * @param {Member} member
 */
function buildState(member) {
  const hash = createHash('sha256')
  const own = readdirSync(member.path)
    .filter((name) => /\.(json|ts)$/.test(name))
    .map((name) => join(member.path, name))
  const files = [...sharedRecipe.map((name) => join(root, name)), ...own, ...filesBelow(join(member.path, 'src'))]
  for (const file of files.sort())
    hash
      .update(`${file.slice(root.length)}\0`)
      .update(readFileSync(file))
      .update('\0')
  const output = filesBelow(join(member.path, 'dist')).map((file) => statSync(file).mtimeMs)
  return `${hash.digest('hex')} ${output.length} ${Math.max(0, ...output)}`
}

/** @param {string} folder @returns {string[]} */
function filesBelow(folder) {
  if (!existsSync(folder)) return []
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name))
}
