import { execFile } from 'node:child_process'
import { readdir } from 'node:fs/promises'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { describe, expect, it } from 'vitest'
import { configFolder, withoutFolder } from './config-folder.js'

// A process of its own, since the test runner has an import of its own.
const script = `
const { loadConfig } = await import('@holdfast/config')
try {
  const config = await loadConfig(undefined, { cwd: process.argv[1], signal: new AbortController().signal })
  console.log([...config.targets].map(([name, { options }]) => name + '=' + options.path).join())
} catch (error) {
  console.log(error.code + ': ' + error.message + '\\n→ ' + error.hint)
}`

async function loaded(files: Readonly<Record<string, string>>): Promise<string> {
  const folder = await configFolder({ 'package.json': '{ "type": "module" }', ...files })
  const before = await readdir(folder)
  const { stdout } = await promisify(execFile)(process.execPath, ['--input-type=module', '-e', script, folder], {
    cwd: fileURLToPath(new URL('..', import.meta.url)),
  })
  expect(await readdir(folder)).toEqual(before)
  return withoutFolder(stdout.trim())
}

const target = `import { tinyTarget } from './plugins/target.js'\n`

describe('a configuration that Node imports', () => {
  it('may have types', async () => {
    const text = `${target}const path: string = './vault'\nexport default { targets: { vault: tinyTarget({ path }) } }`
    expect(await loaded({ 'holdfast.config.ts': text })).toBe('vault=./vault')
  })

  it('may have TypeScript that Node does not take, which jiti does', async () => {
    const text = `${target}enum Where { near = './near' }\nexport default { targets: { vault: tinyTarget({ path: Where.near }) } }`
    expect(await loaded({ 'holdfast.config.ts': text })).toBe('vault=./near')
  })

  it('may import a TypeScript neighbour by the name that it has when it is built', async () => {
    expect(
      await loaded({
        'holdfast.config.ts': `${target}import { path } from './where.js'\nexport default { targets: { vault: tinyTarget({ path }) } }`,
        'where.ts': `export const path: string = './there'`,
      }),
    ).toBe('vault=./there')
  })

  it('may be CommonJS', async () => {
    const text = `const { tinyTarget } = require('./plugins/target.js')\nmodule.exports = { targets: { vault: tinyTarget({ path: 'a' }) } }`
    expect(await loaded({ 'holdfast.config.js': text, 'package.json': '{}' })).toBe('vault=a')
  })

  it('names the line of a factory that refuses', async () => {
    const refusing = `import { refusing } from './plugins/parts.js'\n\nconst bad = refusing.create({ window: 1000 })\nexport default bad`
    expect(await loaded({ 'holdfast.config.ts': refusing })).toMatchInlineSnapshot(`
      "E_CONFIG: holdfast.config.ts:3:22: A window of 1000 is not a power of two.
      → Use 1024 or 2048."
    `)
    expect(await loaded({ 'holdfast.config.mjs': refusing })).toMatchInlineSnapshot(`
      "E_CONFIG: holdfast.config.mjs:3:22: A window of 1000 is not a power of two.
      → Use 1024 or 2048."
    `)
  })

  it('names the line of a syntax error and does not quote it', async () => {
    const broken = `export default {\n  targets: {},\n  password: 'hunter2' hunter3,\n}`
    expect(await loaded({ 'holdfast.config.ts': broken })).toMatchInlineSnapshot(`
      "E_CONFIG: holdfast.config.ts:3:1: cannot be understood: Expected …, got …
      → Mend the syntax."
    `)
    expect(await loaded({ 'holdfast.config.mjs': broken })).toMatchInlineSnapshot(`
      "E_CONFIG: holdfast.config.mjs: cannot be understood: Unexpected identifier …
      → Mend the syntax."
    `)
  })

  it('names an import that is not installed', async () => {
    const text = `import { vaultTarget } from '@acme/holdfast-target-vault'\nexport default vaultTarget`
    expect(await loaded({ 'holdfast.config.ts': text })).toMatchInlineSnapshot(`
      "E_CONFIG: holdfast.config.ts: imports what is not there: Cannot find package '@acme/holdfast-target-vault' imported from FOLDER/holdfast.config.ts
      → Install it with npm install, or mend the path."
    `)
  })

  it('names what it threw', async () => {
    expect(await loaded({ 'holdfast.config.mjs': `\nthrow new Error('not today')` })).toMatchInlineSnapshot(`
      "E_CONFIG: holdfast.config.mjs:2:7: threw while it was loaded: not today
      → Mend the file."
    `)
  })

  it('in YAML may use packages and files, in TypeScript too', async () => {
    const yaml = `targets:
  one: { use: tiny-pack, with: { path: a } }
  two: { use: tiny-import-only/deep, with: { path: b } }
  three: { use: ./own.ts, with: { path: c } }
  four: { use: '@holdfast/core' }`
    const own = `import { plugin as tiny } from './plugins/target.js'\nenum Id { own = 'own' }\nexport const plugin = { ...tiny, id: Id.own as string }`
    expect(await loaded({ 'holdfast.yaml': yaml, 'own.ts': own })).toMatchInlineSnapshot(`
      "E_CONFIG: holdfast.yaml:5:16: targets.four.use: '@holdfast/core' exports no 'plugin'.
      → A plugin exports 'plugin' with kind, id, options and create; check the name of the package."
    `)
    expect(await loaded({ 'holdfast.yaml': yaml.split('\n').slice(0, 4).join('\n'), 'own.ts': own })).toBe(
      'one=a,two=b,three=c',
    )
  })
})

it('has what the public door is said to have', async () => {
  expect(Object.keys(await import('@holdfast/config')).sort()).toEqual([
    'configFileNames',
    'configJsonSchema',
    'createSecretResolver',
    'defineConfig',
    'loadConfig',
  ])
})
