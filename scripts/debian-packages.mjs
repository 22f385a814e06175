// Installs the Debian packages whose programs judge our results in the tests; only what is missing, as root or by sudo.
import { spawnSync } from 'node:child_process'
import { debianPackages, isInstalled, missingOf } from '../packages/lab/src/programs/debian-packages.mjs'

/** @typedef {import('../packages/lab/src/programs/debian-packages.mjs').DebianPackage} DebianPackage */

const wanted = /** @type {DebianPackage[]} */ (Object.keys(debianPackages))
const missing = wanted.filter(isMissing)
for (const name of missing) console.log(`missing: ${name} (${debianPackages[name].reason})`)
if (missing.length > 0) install(missing)
const still = missing.filter(isMissing)
for (const name of still) console.error(`${name} is not there; the tests that need it are skipped`)
console.log(`${wanted.length - still.length} passed, ${still.length} failed`)
if (still.length > 0) process.exitCode = 1

/** @param {DebianPackage} name */
function isMissing(name) {
  return missingOf(name).length > 0
}

/** @param {readonly string[]} names */
function install(names) {
  const root = process.getuid?.() === 0
  const prefix = root ? [] : ['sudo', '-n']
  const byHand = `apt-get install ${names.join(' ')}`
  if (!isInstalled('apt-get'))
    return console.error(`This is no Debian. Install by hand what holds: ${names.join(', ')}`)
  if (!root && (process.env['CI'] === undefined || !isInstalled('sudo'))) {
    return console.error(`Not root, so nothing is installed. Please run: sudo ${byHand}`)
  }
  for (const args of [['update'], ['install', '--yes', '--no-install-recommends', ...names]]) {
    const [command = 'apt-get', ...rest] = [...prefix, 'apt-get', ...args]
    const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive' }
    const { status } = spawnSync(command, rest, { stdio: 'inherit', env })
    if (status !== 0) return console.error(`apt-get ${args[0]} failed. Please run as root: ${byHand}`)
  }
}
