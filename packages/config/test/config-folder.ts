import { mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { isBackupError } from '@holdfast/core'
import { afterEach } from 'vitest'
import { type LoadedConfig, loadConfig } from '../src/index.js'

const fixtures = fileURLToPath(new URL('./fixtures', import.meta.url))
const folders: string[] = []

afterEach(async () => {
  for (const folder of folders.splice(0)) await rm(folder, { recursive: true, force: true })
})

/** Makes a folder with these files, the fixture plugins under `plugins/`, and two installed packages. */
export async function configFolder(files: Readonly<Record<string, string | Uint8Array>>): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'holdfast-config-'))
  folders.push(folder)
  await symlink(fixtures, join(folder, 'plugins'))
  await mkdir(join(folder, 'node_modules'))
  for (const name of ['tiny-pack', 'tiny-import-only']) {
    await symlink(join(fixtures, name), join(folder, 'node_modules', name))
  }
  for (const [name, content] of Object.entries(files)) {
    await mkdir(dirname(join(folder, name)), { recursive: true })
    await writeFile(join(folder, name), content)
  }
  return folder
}

export async function load(text: string | Uint8Array, name = 'holdfast.yaml'): Promise<LoadedConfig> {
  const cwd = await configFolder({ [name]: text })
  return loadConfig(undefined, { cwd, signal: new AbortController().signal })
}

/** What the operator reads of the error that loading rejects with. */
export async function wrong(text: string | Uint8Array, name?: string): Promise<string> {
  return refusal(load(text, name))
}

export async function refusal(loading: Promise<unknown>): Promise<string> {
  const error: unknown = await loading.then(
    () => new Error('It was accepted.'),
    (reason: unknown) => reason,
  )
  if (!isBackupError(error) || error.code !== 'E_CONFIG') throw error
  if (error.hint === undefined) throw new Error('The error has no hint.')
  return withoutFolder(`${error.message}\n→ ${error.hint}`)
}

export function withoutFolder(text: string): string {
  return folders.reduce((shown, folder) => shown.replaceAll(folder, 'FOLDER'), text)
}

/** A good configuration, to be broken in one place. */
export function good(
  change: { readonly pipeline?: string; readonly target?: string; readonly top?: string } = {},
): string {
  return `targets:
  vault: ${change.target ?? '{ use: ./plugins/target.js, with: { path: ./vault } }'}
pipelines:
  nightly:
    source: { use: ./plugins/source.js, with: { path: ./machines } }
    targets: [vault]
${change.pipeline === undefined ? '' : `    ${change.pipeline}\n`}${change.top === undefined ? '' : `${change.top}\n`}`
}
