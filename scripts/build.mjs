// Builds the packages whose sources changed since their last build, in dependency order. `--force` builds all.
import { createHash } from 'node:crypto'
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { capture } from './lib/run.mjs'
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

const broken = stale.length === 0 ? [] : await build(stale)
console.log(
  `${buildable.length} packages: ${stale.length - broken.length} built, ${buildable.length - stale.length} were up to date`,
)
if (broken.length > 0) {
  console.error(`Not built: ${broken.map((member) => member.manifest.name).join(', ')}`)
  process.exitCode = 1
}

/** Builds packages, notes what succeeded, and returns what did not. @param {readonly Member[]} wanted */
async function build(wanted) {
  console.log(`Building ${wanted.map((member) => member.manifest.name).join(', ')}`)
  const filters = wanted.flatMap((member) => ['--filter', `./${member.folder}`])
  const { output } = await capture('pnpm', [
    '-r',
    '--workspace-concurrency=2',
    '--no-bail',
    '--report-summary',
    ...filters,
    'run',
    'build',
  ])
  const summaryFile = join(root, 'pnpm-exec-summary.json')
  /** @type {{ executionStatus: Record<string, { status: string }> }} */
  const summary = JSON.parse(readFileSync(summaryFile, 'utf8'))
  rmSync(summaryFile)
  const built = wanted.filter((member) => summary.executionStatus[member.path]?.status === 'passed')
  for (const member of built) ledger[member.folder] = buildState(member)
  mkdirSync(ledgerFolder, { recursive: true })
  writeFileSync(ledgerFile, `${JSON.stringify(ledger, null, 2)}\n`)
  const failed = wanted.filter((member) => !built.includes(member))
  const lines = output.split('\n').filter((line) => failed.some(({ folder }) => line.startsWith(`${folder} `)))
  if (failed.length > 0) console.error(lines.join('\n'))
  return failed
}

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
