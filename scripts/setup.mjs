// Makes a fresh checkout work with nothing but Node >= 20 and npm: pnpm, dependencies, Node for the tools, built packages.
// Usage: node scripts/setup.mjs [--then <root script> [arguments…]]
import { spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { delimiter, join } from 'node:path'
import { runOrExit } from './lib/run.mjs'
import { readManifest, root } from './lib/workspace.mjs'

const windows = process.platform === 'win32'
const shims = join(root, 'node_modules', '.holdfast-bin')
const leastNode = { major: 22, minor: 18 }

const [flag, then, ...rest] = process.argv.slice(2)
if (flag !== undefined && (flag !== '--then' || then === undefined)) {
  console.error('usage: node scripts/setup.mjs [--then <root script> [arguments…]]')
  process.exit(2)
}

const pnpm = placePnpm()
runOrExit(pnpm, ['install', '--frozen-lockfile', '--reporter=append-only'])
const env = toolEnvironment()
runOrExit(checkedNode(env), [join(root, 'scripts', 'build.mjs')], env)
if (then !== undefined) runOrExit(pnpm, ['run', then, ...rest], env)

/** Puts the pinned pnpm into the shim folder and returns its path; starting it through npx each time is slow. */
function placePnpm() {
  const wanted = readManifest(root).packageManager ?? 'pnpm'
  const version = wanted.slice('pnpm@'.length)
  const shim = join(shims, windows ? 'pnpm.cmd' : 'pnpm')
  if (existsSync(shim) && versionOf(shim) === version) return shim
  const real = locateThroughNpx(wanted)
  mkdirSync(shims, { recursive: true })
  rmSync(shim, { force: true })
  if (windows) writeFileSync(shim, `@"${real}" %*\r\n`)
  else symlinkSync(real, shim)
  if (versionOf(shim) !== version) {
    console.error(`${wanted} was installed by npx but ${real} is version ${versionOf(shim) ?? 'unknown'}.`)
    process.exit(1)
  }
  return shim
}

/** Has npx install a package into its cache and returns where the program is. @param {string} wanted */
function locateThroughNpx(wanted) {
  const name = windows ? 'pnpm.cmd' : 'pnpm'
  const found = spawnSync('npx', ['--yes', '--package', wanted, '--', 'node', '-p', 'process.env.PATH'], {
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'inherit'],
    shell: windows,
  })
  const folder = (found.stdout ?? '')
    .trim()
    .split(delimiter)
    .find((candidate) => !candidate.startsWith(join(root, 'node_modules')) && existsSync(join(candidate, name)))
  if (found.status !== 0 || folder === undefined) {
    console.error(`npx could not install ${wanted}. Is the npm registry reachable? Try: npx --yes ${wanted} --version`)
    process.exit(1)
  }
  return join(folder, name)
}

/** @param {string} program */
function versionOf(program) {
  const { status, stdout } = spawnSync(program, ['--version'], { encoding: 'utf8', cwd: shims, shell: windows })
  return status === 0 ? stdout.trim() : undefined
}

/** The environment of everything that runs after the install: the workspace's programs come first. */
function toolEnvironment() {
  const inherited = Object.entries(process.env).filter(([name]) => name.toUpperCase() !== 'PATH')
  // mke2fs and e2fsck, which judge restores, are often not on a user's own PATH.
  const system = process.platform === 'win32' ? [] : ['/usr/sbin', '/sbin']
  const path = [join(root, 'node_modules', '.bin'), shims, process.env['PATH'] ?? process.env['Path'] ?? '', ...system]
  return { ...Object.fromEntries(inherited), PATH: path.join(delimiter) }
}

/** Finds a Node that is new enough: the one the workspace installed, else the running one. @param {NodeJS.ProcessEnv} env */
function checkedNode(env) {
  const installed = join(root, 'node_modules', '.bin', 'node')
  const node = !windows && existsSync(installed) ? installed : process.execPath
  const { stdout } = spawnSync(node, ['-p', 'process.versions.node'], { encoding: 'utf8', env })
  const [major = 0, minor = 0] = (stdout ?? '').split('.').map(Number)
  if (major < leastNode.major || (major === leastNode.major && minor < leastNode.minor)) {
    console.error(
      `Holdfast needs Node ${leastNode.major}.${leastNode.minor} or newer. On Linux x64 the install brings it along; on ${process.platform} ` +
        `${process.arch} it must be installed already, and this is ${process.version}.`,
    )
    process.exit(1)
  }
  return node
}
