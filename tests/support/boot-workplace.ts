import { type ChildProcess, spawn } from 'node:child_process'
import { existsSync } from 'node:fs'
import { mkdir, readdir, readFile, symlink, writeFile } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import { seededBytes } from '@holdfast/testkit/images'
import { bootSector } from '@holdfast/testkit/memory'
import { tempFolder } from 'holdfast-lab'

const program = resolve(import.meta.dirname, '../../packages/cli/bin/holdfast.js')
const plugin = resolve(import.meta.dirname, 'booting-images-main.ts')

/** How the program ended. */
export interface Ended {
  readonly exitCode: number | null
  readonly stdout: string
  readonly stderr: string
}

/** A folder with a machine that boots, `web`, one that does not, `db`, and points of both on two targets. */
export interface BootWorkplace extends AsyncDisposable {
  readonly folder: string
  readonly holdfast: (...args: readonly string[]) => Promise<Ended>
  /** Starts the program; `ended` tells how that went. */
  readonly start: (...args: readonly string[]) => { readonly child: ChildProcess; readonly ended: Promise<Ended> }
  /** The last line of `--json`. */
  readonly result: (...args: readonly string[]) => Promise<Readonly<Record<string, unknown>>>
  /** What the source still held when it was closed last. */
  readonly leftBehind: () => Promise<unknown>
  /** Temporary folders of the program. */
  readonly temporary: () => Promise<readonly string[]>
}

/** Makes a workplace; pipeline `nightly` boots, with `bootProbe` if given; `lab` waits for what never comes, `bare` takes no exports, `plain` cannot boot. */
export async function bootWorkplace(bootProbe?: object): Promise<BootWorkplace> {
  const { path: folder, [Symbol.dispose]: remove } = tempFolder()
  const temporary = join(folder, 'temporary')
  await mkdir(temporary)
  await symlink(resolve(import.meta.dirname, '../node_modules'), join(folder, 'node_modules'))
  for (const machine of ['web', 'db']) {
    const disk = seededBytes(600_000, 1)
    disk.set(machine === 'web' ? bootSector() : new Uint8Array(512))
    await mkdir(join(folder, 'machines', machine), { recursive: true })
    await writeFile(join(folder, 'machines', machine, 'root.raw'), disk)
  }
  await writeFile(
    join(folder, 'holdfast.config.mjs'),
    `import { diskTarget } from '@holdfast/target-disk'
import { imageSource } from '@holdfast/source-image'
import { bootingImages } from ${JSON.stringify(plugin)}

const bootProbe = ${JSON.stringify(bootProbe)}
export default {
  targets: { vault: diskTarget({ path: './vault' }), offsite: diskTarget({ path: './offsite' }) },
  pipelines: {
    nightly: { source: bootingImages({ path: './machines' }), targets: ['vault', 'offsite'], ...(bootProbe && { bootProbe }) },
    lab: { source: bootingImages({ path: './machines' }), targets: ['vault'], bootProbe: { serial: 'never', timeout: '200ms' } },
    bare: { source: bootingImages({ path: './machines', overlays: false }), targets: ['vault'] },
    plain: { source: imageSource({ path: './machines' }), targets: ['vault'] },
  },
}
`,
  )
  const start: BootWorkplace['start'] = (...args) => {
    const env = { ...process.env, NO_COLOR: '1', TMPDIR: temporary }
    const child = spawn(process.execPath, [program, ...args], { cwd: folder, env })
    const ended = new Promise<Ended>((done, reject) => {
      let [stdout, stderr] = ['', '']
      child.stdout.on('data', (data) => {
        stdout += data
      })
      child.stderr.on('data', (data) => {
        stderr += data
      })
      child.on('error', reject)
      child.on('close', (exitCode) => done({ exitCode, stdout, stderr }))
    })
    return { child, ended }
  }
  const holdfast: BootWorkplace['holdfast'] = (...args) => start(...args).ended
  for (const args of [['init'], ['run', 'nightly']]) {
    const { exitCode, stderr } = await holdfast(...args)
    if (exitCode !== 0) throw new Error(`${args.join(' ')}: ${stderr}`)
  }
  return {
    folder,
    holdfast,
    start,
    result: async (...args) => {
      const { stdout } = await holdfast(...args, '--json')
      return JSON.parse(stdout.trimEnd().split('\n').at(-1) ?? '')
    },
    leftBehind: async () => {
      const file = join(folder, 'left-behind.json')
      return existsSync(file) ? JSON.parse(await readFile(file, 'utf8')) : undefined
    },
    temporary: async () => (await readdir(temporary)).filter((name) => name.startsWith('holdfast-')),
    [Symbol.asyncDispose]: async () => remove(),
  }
}
