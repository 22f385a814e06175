// Runs every check of the workspace, or the named ones: node scripts/test-all.mjs [step…]
import { availableParallelism } from 'node:os'
import { stripVTControlCharacters } from 'node:util'
import { steps } from './lib/steps.mjs'

/**
 * @typedef {import('./lib/steps.mjs').Step} Step
 * @typedef {import('./lib/steps.mjs').Outcome} Outcome
 */

const mostLines = 300
const wanted = process.argv.slice(2)
const unknown = wanted.filter((name) => !steps.some((step) => step.name === name))
if (unknown.length > 0) {
  console.error(`There is no step ${unknown.join(', ')}. Steps: ${steps.map((step) => step.name).join(', ')}`)
  process.exit(2)
}

const chosen = steps.filter((step) => wanted.length === 0 || wanted.includes(step.name))
const skipsFail = process.env['HOLDFAST_TEST_REQUIRE'] === 'all'
let passed = 0
let failed = 0
/** @type {string[]} */
const failures = []

for (const group of groups(chosen)) await runGroup([...group])

if (failures.length > 0) console.log(`\nFailed: ${failures.join(', ')}`)
console.log(`\n${passed} passed, ${failed} failed`)
if (failed > 0) process.exitCode = 1

/** Joins neighbours that may run beside each other. @param {readonly Step[]} all */
function groups(all) {
  /** @type {Step[][]} */
  const found = []
  for (const step of all) {
    const last = found.at(-1)
    if (step.alone !== true && last?.[0]?.alone === undefined && last !== undefined) last.push(step)
    else found.push([step])
  }
  return found
}

/** @param {Step[]} queue */
async function runGroup(queue) {
  const lanes = Math.min(2, availableParallelism())
  const lane = async () => {
    for (let step = queue.shift(); step !== undefined; step = queue.shift()) await runStep(step)
  }
  await Promise.all(Array.from({ length: lanes }, lane))
}

/** @param {Step} step */
async function runStep(step) {
  const started = performance.now()
  if (step.alone === true) console.log(`      ${step.name} …`)
  const outcome = await step.run()
  const seconds = ((performance.now() - started) / 1000).toFixed(1)
  const skipped = outcome.skipped ?? []
  const bad = outcome.failed + (skipsFail ? skipped.length : 0)
  passed += outcome.passed
  failed += bad
  if (bad > 0) failures.push(step.name)
  if (bad > 0) console.log(`\n${shortened(outcome.output)}\n`)
  const counts = `${outcome.passed} passed, ${outcome.failed} failed${skipped.length > 0 ? `, ${skipped.length} skipped` : ''}`
  console.log(
    `${bad > 0 ? 'FAIL ' : 'ok   '} ${step.name.padEnd(11)} ${seconds.padStart(6)} s   ${step.about}: ${counts}`,
  )
  for (const line of outcome.notes ?? []) console.log(`      ${line}`)
  for (const name of skipped) console.log(`      ${skipsFail ? 'skipped, which counts as failed' : 'skipped'}: ${name}`)
}

/** Indents an output and keeps its end, where programs say what went wrong. @param {string} output */
function shortened(output) {
  const lines = stripVTControlCharacters(output).trimEnd().split('\n')
  const more = lines.length > mostLines ? [`(${lines.length - mostLines} more lines before)`] : []
  return [...more, ...lines.slice(-mostLines)].map((line) => `    ${line}`).join('\n')
}
