import { capture } from './run.mjs'
import { members } from './workspace.mjs'

/** Runs the `start` script of every example, one after the other. @returns {Promise<import('./steps.mjs').Outcome>} */
export async function runExamples() {
  const examples = members().filter(
    ({ folder, manifest }) => folder.startsWith('examples/') && manifest.scripts?.['start'] !== undefined,
  )
  let output = ''
  let failed = 0
  for (const { path, manifest } of examples) {
    const run = await capture('pnpm', ['run', 'start'], { cwd: path, timeoutMs: 5 * 60_000 })
    if (run.ok) continue
    failed += 1
    output += `${manifest.name}:\n${run.output}\n`
  }
  return { passed: examples.length - failed, failed, output }
}
