import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { once } from 'node:events'
import { mkdirSync, readdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { tempFolder } from 'holdfast-lab'

const program = join(import.meta.dirname, '..', 'node_modules', '@holdfast', 'cli', 'bin', 'holdfast.js')

/** The same repository through two configurations: as it is, and with each reading of a range 5 ms late. */
const configs = {
  'holdfast.yaml': `targets: { vault: { use: '@holdfast/target-disk', with: { path: ./vault } } }
pipelines:
  nightly:
    source: { use: '@holdfast/source-image', with: { path: ./machines } }
    transforms: [{ use: '@holdfast/transform-zstd' }]
    targets: [vault]
`,
  'late.config.mjs': `import { setTimeout } from 'node:timers/promises'
import { wrapTarget } from '@holdfast/core'
import { diskTarget } from '@holdfast/target-disk'
import { zstdTransform } from '@holdfast/transform-zstd'
import { imageSource } from '@holdfast/source-image'
const vault = wrapTarget(diskTarget({ path: './vault' }), (session) => ({
  ...session,
  get: async function* (key, options) {
    if (options.range !== undefined) await setTimeout(5)
    yield* session.get(key, options)
  },
}))
const source = imageSource({ path: './machines' })
export default { targets: { vault }, pipelines: { nightly: { source, transforms: [zstdTransform()], targets: ['vault'] } } }
`,
}

/** A folder with machines, and the program to back them up and serve them; disposal ends what it started. */
export interface ServeSite extends AsyncDisposable {
  readonly at: (...names: readonly string[]) => string
  /** Runs the program to its end. */
  readonly holdfast: (...args: readonly string[]) => string
  /** Starts `holdfast serve` and waits until the disks can be had. */
  readonly serve: (...args: readonly string[]) => Promise<SiteServer>
  /** What every file of the repository holds; leases come and go. */
  readonly vaultDigest: () => string
}

/** A server that runs. */
export interface SiteServer extends AsyncDisposable {
  readonly pid: number
  readonly uri: (disk: string) => string
  readonly socket: string
  readonly printed: () => string
  /** Asks it to end, waits for that, and returns the exit code. */
  readonly stop: () => Promise<number | null>
}

/** Makes an empty site. */
export function serveSite(): ServeSite {
  const { path: folder, at, [Symbol.dispose]: remove } = tempFolder()
  const env = { ...process.env, HOLDFAST_DEBUG: '', XDG_CACHE_HOME: at('cache'), FORCE_COLOR: '', NO_COLOR: '1' }
  mkdirSync(at('machines'))
  symlinkSync(join(import.meta.dirname, '..', 'node_modules'), at('node_modules'))
  for (const [name, text] of Object.entries(configs)) writeFileSync(at(name), text)
  const servers: SiteServer[] = []
  let serial = 0
  return {
    at,
    holdfast: (...args) => {
      const { status, stdout, stderr } = spawnSync(process.execPath, [program, ...args], {
        cwd: folder,
        env,
        encoding: 'utf8',
      })
      if (status !== 0) throw new Error(`holdfast ${args.join(' ')} ended with ${status}: ${stderr}${stdout}`)
      return stdout
    },
    serve: async (...args) => {
      const socket = at(`${++serial}.sock`)
      const child = spawn(process.execPath, [program, 'serve', ...args, '--listen', `unix:${socket}`], {
        cwd: folder,
        env,
      })
      const server = await siteServer(child, socket)
      servers.push(server)
      return server
    },
    vaultDigest: () => {
      const hash = createHash('sha256')
      const files = readdirSync(at('vault'), { recursive: true, withFileTypes: true })
        .filter((entry) => entry.isFile() && !entry.parentPath.includes('writers'))
        .map((entry) => join(entry.parentPath, entry.name))
      for (const file of files.toSorted()) hash.update(file).update(readFileSync(file))
      return hash.digest('hex')
    },
    [Symbol.asyncDispose]: async () => {
      for (const server of servers) await server.stop()
      remove()
    },
  }
}

async function siteServer(child: ChildProcess, socket: string): Promise<SiteServer> {
  let printed = ''
  const ended = once(child, 'close')
  const ready = new Promise<void>((resolve) => {
    for (const stream of [child.stdout, child.stderr])
      stream?.setEncoding('utf8').on('data', (text: string) => {
        printed += text
        if (/as it is\.\n|be written\.\n/.test(printed)) resolve()
      })
  })
  await Promise.race([ready, ended])
  if (child.exitCode !== null || child.pid === undefined) throw new Error(`serve ended: ${printed}`)
  const stop = async () => {
    if (child.exitCode === null && child.signalCode === null) {
      const timer = setTimeout(() => child.kill('SIGKILL'), 120_000)
      child.kill('SIGINT')
      await ended
      clearTimeout(timer)
    }
    return child.exitCode
  }
  return {
    pid: child.pid,
    socket,
    uri: (disk) => `nbd+unix:///${disk}?socket=${socket}`,
    printed: () => printed,
    stop,
    [Symbol.asyncDispose]: async () => void (await stop()),
  }
}

/** How a program ended. */
export interface Finished {
  readonly status: number | null
  readonly output: string
  readonly elapsedMs: number
}

/** Runs a program beside this process, for so long at most. */
export async function finish(command: string, args: readonly string[], timeoutMs = 60_000): Promise<Finished> {
  const startedAt = performance.now()
  const child = spawn(command, args, { stdio: ['ignore', 'pipe', 'pipe'] })
  const timer = setTimeout(() => child.kill('SIGKILL'), timeoutMs)
  let output = ''
  for (const stream of [child.stdout, child.stderr])
    stream.setEncoding('latin1').on('data', (text: string) => {
      output += text
    })
  const status = await new Promise<number | null>((resolve, reject) => child.on('error', reject).on('close', resolve))
  clearTimeout(timer)
  return { status, output, elapsedMs: performance.now() - startedAt }
}

/** Runs a program that must end well, and returns what it printed. */
export async function run(command: string, ...args: readonly string[]): Promise<string> {
  const { status, output } = await finish(command, args)
  if (status !== 0) throw new Error(`${command} ${args.join(' ')} ended with ${status}: ${output}`)
  return output
}
