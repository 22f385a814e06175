import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, relative } from 'node:path'
import { imageMatrix } from './image-matrix.mjs'
import { capture } from './run.mjs'
import { root } from './workspace.mjs'

/**
 * @typedef {import('./steps.mjs').Outcome} Outcome
 * @typedef {{ name: string, status: string, message: string, assertionResults: { fullName: string, status: string }[] }} TestFile
 */

/** Runs all tests and counts them; a file that cannot be loaded is a failed test. @param {string[]} filters @returns {Promise<Outcome>} */
export async function runVitest(...filters) {
  const folder = mkdtempSync(join(tmpdir(), 'holdfast-vitest-'))
  const file = join(folder, 'report.json')
  const reporters = ['--reporter=default', '--reporter=json', `--outputFile.json=${file}`]
  const matrix = join(folder, 'matrix.tsv')
  const env = { ...process.env, HOLDFAST_MATRIX: matrix }
  const { ok, output } = await capture('vitest', ['run', ...reporters, ...filters], { env })
  if (!existsSync(file)) return { passed: 0, failed: 1, output }
  /** @type {{ testResults: TestFile[] }} */
  const { testResults } = JSON.parse(readFileSync(file, 'utf8'))
  const notes = existsSync(matrix) ? imageMatrix(readFileSync(matrix, 'utf8')) : []
  rmSync(folder, { recursive: true })
  const tests = testResults.flatMap((result) => result.assertionResults.map((test) => ({ ...test, file: result.name })))
  const passed = tests.filter(({ status }) => status === 'passed').length
  const failedTests = tests.filter(({ status }) => status === 'failed').length
  const brokenFiles = testResults.filter(
    ({ status, assertionResults }) => status === 'failed' && !assertionResults.some((test) => test.status === 'failed'),
  ).length
  const failed = failedTests + brokenFiles
  return {
    passed,
    failed: ok ? failed : Math.max(1, failed),
    skipped: tests
      .filter(({ status }) => status !== 'passed' && status !== 'failed')
      .map((test) => `${relative(root, test.file)}: ${test.fullName}`),
    notes,
    output,
  }
}
