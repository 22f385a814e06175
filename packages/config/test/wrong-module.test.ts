import { describe, expect, it } from 'vitest'
import { wrong } from './config-folder.js'

const imports = `import { tinyTarget } from './plugins/target.js'
import { tinySource } from './plugins/source.js'
const source = tinySource({ path: 'a' })
`

function module(body: string): Promise<string> {
  return wrong(`${imports}${body}`, 'holdfast.config.ts')
}

describe('a configuration in TypeScript that is wrong', () => {
  it('no default export', async () => {
    expect(await module('export const config = {}')).toMatchInlineSnapshot(`
      "holdfast.config.ts: has no default export.
      → Write export default defineConfig({ targets: { … } })."
    `)
  })

  it('a factory in the place of a plugin', async () => {
    expect(await module('export default { targets: { vault: tinyTarget } }')).toMatchInlineSnapshot(`
      "holdfast.config.ts: targets.vault: must be a target plugin, not a function.
      → Call a target factory: diskTarget({ path })."
    `)
  })

  it('the YAML form in the place of a plugin', async () => {
    expect(await module(`export default { targets: { vault: { use: 'tiny-pack' } } }`)).toMatchInlineSnapshot(`
      "holdfast.config.ts: targets.vault: must be a target plugin; { use, with } is for YAML and JSON.
      → Call a target factory: diskTarget({ path })."
    `)
  })

  it('a plugin of the wrong kind', async () => {
    expect(await module('export default { targets: { vault: source } }')).toMatchInlineSnapshot(`
      "holdfast.config.ts: targets.vault: must be a target plugin, not a source plugin.
      → Call a target factory: diskTarget({ path })."
    `)
  })

  it('a plugin of another version of the contract', async () => {
    expect(
      await module('export default { targets: { vault: { ...source, kind: "target", apiVersion: 2 } } }'),
    ).toMatchInlineSnapshot(`
      "holdfast.config.ts: targets.vault: The target plugin 'tiny' is invalid: it was written for contract version 2, this host has 1.
      → Install versions of the plugin and of Holdfast that fit."
    `)
  })

  it('a missing source and an unknown target', async () => {
    expect(
      await module(
        `export default { targets: { vault: tinyTarget({ path: 'a' }) }, pipelines: { a: { targets: ['valt'] } } }`,
      ),
    ).toMatchInlineSnapshot(`
      "holdfast.config.ts: pipelines.a.source: is missing.
      holdfast.config.ts: pipelines.a.targets[0]: names no target of this configuration.
      → pipelines.a.source: Call a source factory: imageSource({ path }).
      pipelines.a.targets[0]: Did you mean 'vault'?"
    `)
  })

  it('a wrong value', async () => {
    expect(
      await module(
        `export default { targets: { vault: tinyTarget({ path: 'a' }) }, pipelines: { a: { source, targets: ['vault'], retention: { minimumAge: 7 } } } }`,
      ),
    ).toMatchInlineSnapshot(`
      "holdfast.config.ts: pipelines.a.retention.minimumAge: must be text, not a number.
      → For example minimumAge: 7d."
    `)
  })

  it('a promise', async () => {
    expect(await module('export default Promise.resolve({})')).toMatchInlineSnapshot(`
      "holdfast.config.ts: exports a promise.
      → Write export default await …, since top-level await works."
    `)
  })
})
