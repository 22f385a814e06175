// Backs up two machines, changes them, backs them up again, verifies and restores: npm run demo
import { spawnSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { createReadStream, mkdirSync, rmSync, writeFileSync } from 'node:fs'
import { join, relative } from 'node:path'
import { changeMachines, demoDisks, imageFile, makeMachines } from './lib/demo-machines.mjs'
import { root } from './lib/workspace.mjs'

const folder = join(root, '.holdfast', 'demo')
const machines = join(folder, 'machines')
const restored = join(folder, 'restored')
const config = join(folder, 'holdfast.yaml')
const program = join(root, 'node_modules', '.bin', 'holdfast')
const env = { ...process.env, HOLDFAST_PASSPHRASE: 'only for this demo' }

const yaml = `targets:
  vault: { use: '@holdfast/target-disk', with: { path: ./vault } }
pipelines:
  nightly:
    source: { use: '@holdfast/source-image', with: { path: ./machines } }
    transforms:
      - { use: '@holdfast/transform-zstd' }
      - { use: '@holdfast/transform-aes-gcm', with: { passphrase: { env: HOLDFAST_PASSPHRASE } } }
    targets: [vault]
    retention: { last: 3, daily: 7, weekly: 4 }
`

/** @typedef {{ targets: { storedBytes: number, newChunks: number }[], machines: { disks: { sizeBytes: number, readBytes: number }[] }[] }} RunReport */

rmSync(folder, { recursive: true, force: true })
mkdirSync(folder, { recursive: true })
writeFileSync(config, yaml)
console.log(`Two machines, all in ${relative(process.cwd(), folder) || '.'}; the configuration:\n\n${yaml}`)

heading('Day 1: the machines are made and backed up')
await makeMachines(machines)
show('init')
show('plan')
const dayOne = run()

heading('Day 2: about 3 % of every disk changes; db tells where, web does not')
await changeMachines(machines)
const dayTwo = run()
show('list')

heading('Everything that was stored is read back, decrypted and hashed')
const [verified] = asked('verify', '--read-data').targets
console.log(
  `${verified.points.length} points whole, ${verified.checkedPacks} packs, ${mebibytes(verified.checkedBytes)} checked`,
)

heading('Both machines are restored and compared')
for (const machine of ['web', 'db']) show('restore', `${machine}@latest`, '--to', restored)
let different = 0
for (const { machine, disk } of demoDisks()) {
  const [original, copy] = [
    await digest(imageFile(machines, machine, disk)),
    await digest(imageFile(restored, machine, disk)),
  ]
  if (original !== copy) different += 1
  const verdict = original === copy ? 'equal' : `DIFFERENT: restored as ${copy}`
  console.log(`sha256 ${original}  ${`${machine}/${disk}`.padEnd(9)} ${verdict}`)
}

heading('Summary')
summary('day 1', dayOne)
summary('day 2', dayTwo)
console.log(
  `verified      ${mebibytes(verified.checkedBytes)} in ${verified.checkedPacks} packs, ${verified.damage.length} damaged objects`,
)
console.log(
  `restored      ${demoDisks().length} disks, ${different === 0 ? 'all digests equal' : `${different} with another digest`}`,
)
if (different > 0) process.exitCode = 1

/** @param {string} text */
function heading(text) {
  console.log(`\n── ${text}`)
}

/** Backs up, and returns the run's report. @returns {RunReport} */
function run() {
  const [report] = asked('run', 'nightly').pipelines
  console.log(`${report.status} in ${report.durationMs} ms`)
  return report
}

/** @param {string} day @param {RunReport} report */
function summary(day, { machines: done, targets }) {
  const disks = done.flatMap((machine) => machine.disks)
  const sizeBytes = disks.reduce((sum, disk) => sum + disk.sizeBytes, 0)
  const readBytes = disks.reduce((sum, disk) => sum + disk.readBytes, 0)
  const storedBytes = targets.reduce((sum, target) => sum + target.storedBytes, 0)
  const chunks = targets.reduce((sum, target) => sum + target.newChunks, 0)
  const ratio = (readBytes / storedBytes).toFixed(1)
  console.log(`${day}         backed up ${done.length} machines, ${disks.length} disks, ${mebibytes(sizeBytes)}`)
  console.log(`              transferred ${mebibytes(readBytes)} from the source`)
  console.log(
    `              stored ${mebibytes(storedBytes)} in ${chunks} new chunks: ${ratio} times less by deduplication and compression`,
  )
}

/** Runs the program with its output shown. @param {readonly string[]} args */
function show(...args) {
  console.log(`$ holdfast ${args.map((arg) => (arg === restored ? 'restored' : arg)).join(' ')}`)
  const { status } = spawnSync(program, [...args, '-c', config], {
    env,
    stdio: 'inherit',
    shell: process.platform === 'win32',
  })
  if (status !== 0) failed(status)
}

/** Runs the program with --json and returns its last line. @param {readonly string[]} args */
function asked(...args) {
  console.log(`$ holdfast ${args.join(' ')}`)
  const { status, stdout } = spawnSync(program, [...args, '-c', config, '--json'], {
    env,
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'inherit'],
    maxBuffer: 2 ** 28,
    shell: process.platform === 'win32',
  })
  if (status !== 0) failed(status)
  return JSON.parse(stdout.trimEnd().split('\n').at(-1) ?? '')
}

/** @param {number | null} status @returns {never} */
function failed(status) {
  console.error(`\nThe demo stops here: holdfast ended with ${status}.`)
  process.exit(1)
}

/** @param {number} bytes */
function mebibytes(bytes) {
  return `${(bytes / 2 ** 20).toFixed(1)} MiB`
}

/** @param {string} file */
async function digest(file) {
  const hash = createHash('sha256')
  for await (const piece of createReadStream(file, { highWaterMark: 2 ** 20 })) hash.update(piece)
  return hash.digest('hex')
}
