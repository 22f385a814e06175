import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { loadConfig } from '../src/index.js'
import { configFolder, good, refusal } from './config-folder.js'

const moduleConfig = `
import { tinyTarget } from './plugins/target.js'
export default { targets: { vault: tinyTarget({ path: 'a' }) } }
`

const { signal } = new AbortController()

describe('finding the configuration', () => {
  it.each([
    ['holdfast.yaml', good()],
    ['holdfast.yml', good()],
    ['holdfast.config.json', '{ "targets": { "vault": { "use": "./plugins/target.js", "with": { "path": "a" } } } }'],
    ['holdfast.config.js', moduleConfig],
    ['holdfast.config.mjs', moduleConfig],
    ['holdfast.config.ts', moduleConfig],
    ['holdfast.config.mts', moduleConfig],
  ])('takes %s from the working folder', async (name, text) => {
    const cwd = await configFolder({ [name]: text })
    const config = await loadConfig(undefined, { cwd, signal })
    expect(config.path).toBe(join(cwd, name))
    expect(config.baseDir).toBe(cwd)
    expect([...config.targets.keys()]).toEqual(['vault'])
  })

  it('takes a path from the working folder, and options start at the folder of the file', async () => {
    const cwd = await configFolder({ 'sites/berlin.yaml': good().replaceAll('./plugins', '../plugins') })
    const config = await loadConfig('sites/berlin.yaml', { cwd, signal })
    expect(config.baseDir).toBe(join(cwd, 'sites'))
    expect(config.pipelines.map(({ name }) => name)).toEqual(['nightly'])
  })

  it('does not take the header of a repository for a configuration', async () => {
    const cwd = await configFolder({ 'holdfast.json': '{}' })
    expect(await refusal(loadConfig(undefined, { cwd, signal }))).toMatchInlineSnapshot(`
      "There is no configuration in FOLDER.
      → Create holdfast.yaml, or name a file with --config. Looked for: holdfast.yaml, holdfast.yml, holdfast.config.ts, holdfast.config.mts, holdfast.config.mjs, holdfast.config.js, holdfast.config.json."
    `)
  })

  it('does not choose between two', async () => {
    const cwd = await configFolder({ 'holdfast.yaml': good(), 'holdfast.config.ts': moduleConfig })
    expect(await refusal(loadConfig(undefined, { cwd, signal }))).toMatchInlineSnapshot(`
      "There are 2 configurations in FOLDER: holdfast.yaml, holdfast.config.ts.
      → Keep one of them, or name the one to use with --config."
    `)
  })

  it('names a file that is not there', async () => {
    const cwd = await configFolder({})
    expect(await refusal(loadConfig('backup.yaml', { cwd, signal }))).toMatchInlineSnapshot(`
      "backup.yaml: does not exist.
      → Check the path given with --config."
    `)
  })

  it('names a file of another kind', async () => {
    const cwd = await configFolder({ 'backup.toml': '' })
    expect(await refusal(loadConfig('backup.toml', { cwd, signal }))).toMatchInlineSnapshot(`
      "backup.toml: is no kind of configuration.
      → Use a file that ends in .yaml, .yml, .json, .ts, .mts, .mjs, .js."
    `)
  })

  it('names a folder in the place of a file', async () => {
    const cwd = await configFolder({})
    await mkdir(join(cwd, 'holdfast.yaml'))
    expect(await refusal(loadConfig(undefined, { cwd, signal }))).toMatchInlineSnapshot(`
      "holdfast.yaml: is not a file.
      → Name the configuration file itself."
    `)
  })

  it('shows a file outside the working folder with its whole path', async () => {
    const cwd = await configFolder({ 'holdfast.yaml': 'targets: 1' })
    expect(await refusal(loadConfig('../holdfast.yaml', { cwd: join(cwd, 'sub'), signal }))).toMatchInlineSnapshot(`
      "FOLDER/holdfast.yaml:1:10: targets: must be a mapping, not a number.
      → For example targets: { vault: { use: '@holdfast/target-disk', with: { path: ./vault } } }."
    `)
  })

  it('stops when it is aborted', async () => {
    const cwd = await configFolder({ 'holdfast.yaml': good() })
    const reason = new Error('enough')
    await expect(loadConfig(undefined, { cwd, signal: AbortSignal.abort(reason) })).rejects.toBe(reason)
  })
})
