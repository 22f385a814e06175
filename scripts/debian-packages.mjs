// Installs the Debian packages whose programs judge our results in the tests; only what is missing, as root or by sudo.
import { spawnSync } from 'node:child_process'
import { accessSync, constants } from 'node:fs'
import { delimiter, join } from 'node:path'

/** Each package, a program that proves that it is there, and why the tests want it. */
const packages = [
  { name: 'e2fsprogs', program: 'mke2fs', reason: 'makes and checks the ext4 images that are backed up and restored' },
  { name: 'time', program: 'time', reason: 'measures the memory of a command for the benchmark' },
  { name: 'zstd', program: 'zstd', reason: 'reads what our zstd transform wrote, and the other way round' },
]

const missing = packages.filter(({ program }) => !isInstalled(program))
for (const { name, reason } of missing) console.log(`missing: ${name} (${reason})`)
if (missing.length > 0) install(missing.map(({ name }) => name))
const still = packages.filter(({ program }) => !isInstalled(program))
for (const { name, program } of still)
  console.error(`${name}: no program ${program}; the tests that need it are skipped`)
console.log(`${packages.length - still.length} passed, ${still.length} failed`)
if (still.length > 0) process.exitCode = 1

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

/** @param {string} program */
function isInstalled(program) {
  const folders = [...(process.env['PATH'] ?? '').split(delimiter), '/usr/sbin', '/sbin']
  return folders.some((folder) => {
    try {
      accessSync(join(folder, program), constants.X_OK)
      return true
    } catch {
      return false
    }
  })
}
