import { spawn } from 'node:child_process'
import { mkdir, symlink, writeFile } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import { seededImage, writeImageFile } from '@holdfast/testkit/images'
import { tempFolder } from 'holdfast-lab'

const packageFolder = resolve(import.meta.dirname, '../..')

/** The program as it is installed. */
export const program = join(packageFolder, 'bin', 'holdfast.js')

/** A folder with two small machines and a configuration, removed by disposal. */
export interface Workplace extends AsyncDisposable {
  readonly folder: string
  /** Runs the program in the folder to its end. */
  readonly holdfast: (args: readonly string[], environment?: Record<string, string>) => Promise<Ended>
}

/** How the program ended. */
export interface Ended {
  readonly exitCode: number | null
  readonly stdout: string
  readonly stderr: string
}

/** What is in `holdfast.yaml` unless a test says otherwise: one pipeline, one target, not encrypted. */
export const plainConfig = `
targets:
  vault: { use: '@holdfast/target-disk', with: { path: ./vault } }
pipelines:
  nightly:
    source: { use: '@holdfast/source-image', with: { path: ./machines } }
    transforms: [{ use: '@holdfast/transform-zstd' }]
    targets: [vault]
    retention: { last: 1 }
`

/** Two targets, encrypted; the passphrase is in `MARKER_PASSPHRASE`. */
export const encryptedConfig = `
targets:
  vault: { use: '@holdfast/target-disk', with: { path: ./vault } }
  offsite: { use: '@holdfast/target-disk', with: { path: ./offsite } }
pipelines:
  nightly:
    source: { use: '@holdfast/source-image', with: { path: ./machines } }
    transforms:
      - { use: '@holdfast/transform-zstd' }
      - { use: '@holdfast/transform-aes-gcm', with: { passphrase: { env: MARKER_PASSPHRASE } } }
    targets: [vault]
`

/** Runs feed the vault; a library of tapes, as folders, gets copies each week. */
export const tapesConfig = `
targets:
  vault: { use: '@holdfast/target-disk', with: { path: ./vault } }
  tapes: { use: ./sets-target.mjs, with: { path: ./tapes } }
pipelines:
  nightly:
    source: { use: '@holdfast/source-image', with: { path: ./machines } }
    transforms: [{ use: '@holdfast/transform-zstd' }]
    targets: [vault, { to: tapes, every: week, keep: 13w }]
`

/** Makes a workplace. */
export async function workplace(config = plainConfig): Promise<Workplace> {
  const { path: folder, [Symbol.dispose]: remove } = tempFolder()
  await symlink(join(packageFolder, 'node_modules'), join(folder, 'node_modules'))
  await symlink(join(import.meta.dirname, 'sets-target.mjs'), join(folder, 'sets-target.mjs'))
  await writeFile(join(folder, 'holdfast.yaml'), config)
  const disks = [
    { machine: 'web', disk: 'root', seed: 1 },
    { machine: 'db', disk: 'root', seed: 1 },
    { machine: 'db', disk: 'data', seed: 2 },
  ]
  for (const { machine, disk, seed } of disks) {
    await mkdir(join(folder, 'machines', machine), { recursive: true })
    await writeImageFile(join(folder, 'machines', machine, `${disk}.raw`), seededImage(2 * 2 ** 20, seed))
  }
  return {
    folder,
    holdfast: (args, environment) =>
      runHoldfast(args, folder, { XDG_CACHE_HOME: join(folder, '.cache'), ...environment }),
    [Symbol.asyncDispose]: async () => remove(),
  }
}

/** The environment of the program: nothing of the runner that changes what it prints. */
export function environmentOf(extra: Record<string, string> = {}): NodeJS.ProcessEnv {
  const { FORCE_COLOR: _forced, NO_COLOR: _none, HOLDFAST_DEBUG: _debug, ...rest } = process.env
  return { ...rest, ...extra }
}

/** Runs the program to its end. */
function runHoldfast(args: readonly string[], cwd: string, environment: Record<string, string> = {}): Promise<Ended> {
  return new Promise((done, reject) => {
    const child = spawn(process.execPath, [program, ...args], { cwd, env: environmentOf(environment) })
    let stdout = ''
    let stderr = ''
    child.stdout.on('data', (data) => {
      stdout += data
    })
    child.stderr.on('data', (data) => {
      stderr += data
    })
    child.on('error', reject)
    child.on('close', (exitCode) => done({ exitCode, stdout, stderr }))
  })
}

/** Parses what `--json` printed as lines. */
export function jsonLines(text: string): readonly Readonly<Record<string, unknown>>[] {
  return text
    .trimEnd()
    .split('\n')
    .map((line): Readonly<Record<string, unknown>> => JSON.parse(line))
}
