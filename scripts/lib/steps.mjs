import { capture } from './run.mjs'
import { runExamples } from './run-examples.mjs'
import { runVitest } from './run-vitest.mjs'

/**
 * @typedef {object} Outcome
 * @property {number} passed
 * @property {number} failed
 * @property {readonly string[]} [skipped]
 * @property {readonly string[]} [notes] Lines that are shown although nothing failed.
 * @property {string} output
 *
 * @typedef {object} Step
 * @property {string} name
 * @property {string} about
 * @property {true} [alone] Runs with nothing beside it: others need its result, or it needs the whole machine.
 * @property {() => Promise<Outcome>} run
 */

/** Every step, in order. @type {readonly Step[]} */
export const steps = [
  { name: 'build', about: 'packages build', alone: true, run: () => whole('node', ['scripts/build.mjs']) },
  { name: 'tools', about: 'programs that judge results', alone: true, run: () => installTools() },
  { name: 'types', about: 'sources, tests and examples compile', run: () => whole('tsc', ['-p', 'tsconfig.json']) },
  { name: 'scripts', about: 'scripts compile', run: () => whole('tsc', ['-p', 'scripts/tsconfig.json']) },
  {
    name: 'lint',
    about: 'format and code rules',
    run: () => whole('biome', ['check', '.', '--reporter=concise', '--max-diagnostics=none', '--error-on-warnings']),
  },
  { name: 'imports', about: 'who may import whom, files', run: () => counted('scripts/lint-imports.mjs') },
  { name: 'fences', about: 'code in the pages', run: () => counted('scripts/check-doc-fences.mjs') },
  { name: 'links', about: 'links in the pages', run: () => counted('scripts/check-doc-links.mjs') },
  { name: 'packages', about: 'packed packages', run: () => counted('scripts/check-packages.mjs') },
  { name: 'unused', about: 'no unused files, exports, dependencies', run: () => whole('knip', []) },
  { name: 'workspace', about: 'one version of each dependency', run: () => whole('sherif', ['--fail-on-warnings']) },
  { name: 'changesets', about: 'pending releases', run: () => counted('scripts/check-changesets.mjs') },
  {
    name: 'api',
    about: 'reference of the public names',
    run: () => whole('pnpm', ['--filter', '@holdfast/docs', 'run', 'api']),
  },
  { name: 'vitest', about: 'tests', alone: true, run: () => runVitest() },
  { name: 'examples', about: 'examples run', alone: true, run: runExamples },
  {
    name: 'site',
    about: 'documentation site',
    alone: true,
    run: () => whole('pnpm', ['--filter', '@holdfast/docs', 'run', 'site']),
  },
]

/** A program that is one check. @param {string} command @param {readonly string[]} args @returns {Promise<Outcome>} */
async function whole(command, args) {
  const { ok, output } = await capture(command, args)
  return { passed: ok ? 1 : 0, failed: ok ? 0 : 1, output }
}

/** One of our scripts, which closes with its counts. @param {string} script @returns {Promise<Outcome>} */
async function counted(script) {
  const { ok, output } = await capture('node', [script])
  const counts = /^(\d+) passed, (\d+) failed$/m.exec(output)
  if (counts === null) return { passed: 0, failed: 1, output }
  const failed = Number(counts[2])
  return { passed: Number(counts[1]), failed: ok ? failed : Math.max(1, failed), output }
}

/** Missing programs lead to skipped tests, which are judged where they happen. @returns {Promise<Outcome>} */
async function installTools() {
  const { passed, failed, output } = await counted('scripts/debian-packages.mjs')
  return failed === 0 ? { passed, failed, output } : { passed, failed: 0, skipped: output.trim().split('\n'), output }
}
