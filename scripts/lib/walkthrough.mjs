import { spawn } from 'node:child_process'
import { cpSync, mkdtempSync, rmSync, symlinkSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { basename, delimiter, join } from 'node:path'
import { text as allText } from 'node:stream/consumers'
import { fencesOf } from './fences.mjs'

/**
 * One block of commands of a page.
 *
 * @typedef {object} Step
 * @property {number} line
 * @property {string} commands
 * @property {string | undefined} expected The page's words for what is printed, when it has them.
 * @property {string} printed
 */

const marker = '--- the next step ---'
const madeByRunning = new Set([
  ...['node_modules', 'test', 'app', 'machines', 'scratch', 'vault', 'offsite', 'restored'],
  ...['library', 'tape'],
])

/**
 * Runs the `sh` fences of a page in one shell, in a copy of an example's folder.
 *
 * Steps end at the first command that fails. A fence marked `sh ignore <reason>` is left out; a `text` fence right
 * behind one is what it prints.
 *
 * @param {string} page @param {string} example Folder of the example.
 * @param {string} [before] Commands that bring about what the page takes for granted.
 * @returns {Promise<{ steps: readonly Step[], failure: string | undefined }>}
 */
export async function walkThrough(page, example, before = '') {
  const fences = fencesOf('page', page)
  const steps = fences.flatMap(({ language, rest, line, text }, index) => {
    if (language !== 'sh' || rest.startsWith('ignore')) return []
    const next = fences[index + 1]
    return [{ line, commands: text, expected: next?.language === 'text' ? next.text : undefined }]
  })
  const folder = mkdtempSync(join(tmpdir(), 'holdfast-walk-'))
  try {
    cpSync(example, folder, { recursive: true, filter: (path) => !madeByRunning.has(basename(path)) })
    symlinkSync(join(example, 'node_modules'), join(folder, 'node_modules'))
    const shell = spawn('sh', ['-eu'], {
      cwd: folder,
      env: { ...process.env, PATH: [join(folder, 'node_modules', '.bin'), process.env['PATH']].join(delimiter) },
    })
    /** @type {Promise<number | null>} */
    const ended = new Promise((resolve, reject) => shell.once('close', resolve).once('error', reject))
    shell.stdin.on('error', () => {})
    shell.stdin.end([before, ...steps.map(({ commands }) => commands)].join(`\necho '${marker}'\n`))
    const [status, stdout, stderr] = await Promise.all([ended, allText(shell.stdout), allText(shell.stderr)])
    const printed = stdout.replaceAll(folder, '…').split(`${marker}\n`).slice(1)
    const run = steps.slice(0, printed.length).map((step, index) => ({ ...step, printed: printed[index] ?? '' }))
    const last = run.at(-1)
    return { steps: run, failure: status === 0 ? undefined : `line ${last?.line}: exit code ${status}\n${stderr}` }
  } finally {
    rmSync(folder, { recursive: true })
  }
}

/** The lines of an output, without what differs from run to run: their order, times, ids, versions, sizes, packs, chunks, spaces. @param {string} output */
export function comparable(output) {
  return (
    output
      .trimEnd()
      .replaceAll(/\d{8}T\d{6}Z-[0-9a-f]{12}/g, 'ID')
      .replaceAll(/\([0-9a-f]{8}\)/g, '(ID)')
      .replaceAll(/(?<=\bset )[0-9a-f]{8}\b|\b[0-9a-f]{8}(?= #\d)/g, 'ID')
      .replaceAll(/\b(?:[0-9a-f]{16}|[0-9a-f]{32})\b|(?<=-verify-)[0-9a-f]{8}\b/g, 'ID')
      .replaceAll(/\b\d+\.\d+\.\d+\b/g, 'VERSION')
      .replaceAll(/\d{4}-\d\d-\d\d(?: \d\d:\d\d:\d\dZ)?/g, 'TIME')
      .replaceAll(/\d{4}-W\d\d/g, 'WEEK')
      .replaceAll(/\b\d[\d.]* (?:ms|s|min)\b/g, 'DURATION')
      .replaceAll(/\b\d[\d.]* (?:[KMG]iB|B)\b/g, 'SIZE')
      // How many packs a run fills depends on which machine is done first.
      .replaceAll(/\b[1-9]\d* packs?\b/g, 'PACKS')
      .replaceAll(/\b[1-9]\d* new chunks?\b/g, 'CHUNKS')
      .replaceAll(/[ \t]+/g, ' ')
      .split('\n')
      .map((line) => line.trim())
      .sort()
  )
}
