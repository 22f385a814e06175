import { describe, expect, it } from 'vitest'
import { good, wrong } from './config-folder.js'

describe('plugins that a configuration cannot have', () => {
  it('no use', async () => {
    expect(await wrong(good({ target: `{ with: { path: a } }` }))).toMatchInlineSnapshot(`
      "holdfast.yaml:2:3: targets.vault.use: is missing.
      → For example use: '@holdfast/target-disk'."
    `)
  })

  it('a misspelt slot key', async () => {
    expect(await wrong(good({ target: `{ use: ./plugins/target.js, whit: { path: a } }` }))).toMatchInlineSnapshot(`
      "holdfast.yaml:2:3: targets.vault.with.path: is missing.
      holdfast.yaml:2:38: targets.vault.whit: is not a known key.
      → targets.vault.with.path: For example path: ./vault.
      targets.vault.whit: Did you mean 'with'?"
    `)
  })

  it('a package that is not installed', async () => {
    expect(await wrong(good({ target: `{ use: '@acme/holdfast-target-vault' }` }))).toMatchInlineSnapshot(`
      "holdfast.yaml:2:17: targets.vault.use: the package '@acme/holdfast-target-vault' is not installed.
      → Run npm install @acme/holdfast-target-vault in the folder of the configuration."
    `)
  })

  it('an entry that a package lacks', async () => {
    expect(await wrong(good({ target: `{ use: tiny-pack/other }` }))).toMatchInlineSnapshot(`
      "holdfast.yaml:2:17: targets.vault.use: there is no 'tiny-pack/other' in an installed package.
      → Run npm install tiny-pack in the folder of the configuration."
    `)
  })

  it('a file that is not there', async () => {
    expect(await wrong(good({ target: `{ use: ./plugins/tarket.js }` }))).toMatchInlineSnapshot(`
      "holdfast.yaml:2:17: targets.vault.use: there is no such file.
      → Paths start at the folder of the configuration."
    `)
  })

  it('a URL', async () => {
    expect(await wrong(good({ target: `{ use: 'https://example.com/plugin.js' }` }))).toMatchInlineSnapshot(`
      "holdfast.yaml:2:17: targets.vault.use: is neither a package nor a file.
      → Write use: '@holdfast/target-disk', 'package#export' or './plugin.js'."
    `)
  })

  it('a data URL', async () => {
    expect(
      await wrong(good({ target: `{ use: 'data:text/javascript,export const plugin = 1' }` })),
    ).toMatchInlineSnapshot(`
      "holdfast.yaml:2:17: targets.vault.use: is neither a package nor a file.
      → Write use: '@holdfast/target-disk', 'package#export' or './plugin.js'."
    `)
  })

  it('a module of Node', async () => {
    expect(await wrong(good({ target: `{ use: fs }` }))).toMatchInlineSnapshot(`
      "holdfast.yaml:2:17: targets.vault.use: is neither a package nor a file.
      → Write use: '@holdfast/target-disk', 'package#export' or './plugin.js'."
    `)
  })

  it('a module that throws', async () => {
    expect(await wrong(good({ target: `{ use: ./plugins/throwing.js }` }))).toMatchInlineSnapshot(`
      "holdfast.yaml:2:17: targets.vault.use: './plugins/throwing.js' cannot be loaded: the moon is wrong.
      → Mend the file."
    `)
  })

  it('a module without plugins', async () => {
    expect(await wrong(good({ target: `{ use: ./plugins/empty.js }` }))).toMatchInlineSnapshot(`
      "holdfast.yaml:2:17: targets.vault.use: './plugins/empty.js' exports no 'plugin'.
      → A plugin exports 'plugin' with kind, id, options and create; check the name of the package."
    `)
  })

  it('a module with several plugins and none by default', async () => {
    expect(await wrong(good({ pipeline: 'transforms: [{ use: ./plugins/parts.js }]' }))).toMatchInlineSnapshot(`
      "holdfast.yaml:7:25: pipelines.nightly.transforms[0].use: './plugins/parts.js' exports no 'plugin'.
      → Write use: './plugins/parts.js#zip' or use: './plugins/parts.js#refusing' or use: './plugins/parts.js#vendor' or use: './plugins/parts.js#hollow' or use: './plugins/parts.js#careless'."
    `)
  })

  it('an export that is not there', async () => {
    expect(await wrong(good({ target: `{ use: 'tiny-pack#vault' }` }))).toMatchInlineSnapshot(`
      "holdfast.yaml:2:17: targets.vault.use: 'tiny-pack' exports no 'vault'.
      → Write use: 'tiny-pack'."
    `)
  })

  it('an export that is no plugin module', async () => {
    expect(
      await wrong(good({ pipeline: `transforms: [{ use: ./plugins/parts.js#notAPlugin }]` })),
    ).toMatchInlineSnapshot(`
      "holdfast.yaml:7:25: pipelines.nightly.transforms[0].use: the export 'notAPlugin' of './plugins/parts.js' is no plugin module.
      → Write use: './plugins/parts.js#zip' or use: './plugins/parts.js#refusing' or use: './plugins/parts.js#vendor' or use: './plugins/parts.js#hollow' or use: './plugins/parts.js#careless'."
    `)
  })

  it('a plugin of the wrong kind', async () => {
    expect(await wrong(good({ pipeline: `transforms: [{ use: tiny-pack }]` }))).toMatchInlineSnapshot(`
      "holdfast.yaml:7:25: pipelines.nightly.transforms[0].use: 'tiny-pack' is a target plugin; a transform plugin belongs here.
      → Write use: 'tiny-pack#zip'."
    `)
  })

  it('a plugin of the wrong kind with no other', async () => {
    expect(await wrong(good({ target: `{ use: ./plugins/source.js, with: { path: a } }` }))).toMatchInlineSnapshot(`
      "holdfast.yaml:2:17: targets.vault.use: './plugins/source.js' is a source plugin; a target plugin belongs here.
      → Use a plugin of kind target; their names start with '@holdfast/target-' or 'holdfast-target-'."
    `)
  })

  it('an option that is not known', async () => {
    expect(
      await wrong(good({ target: `{ use: ./plugins/target.js, with: { path: a, copys: 2 } }` })),
    ).toMatchInlineSnapshot(`
      "holdfast.yaml:2:55: targets.vault.with.copys: is not a known key.
      → Did you mean 'copies'?"
    `)
  })

  it('an option that is missing', async () => {
    expect(await wrong(good({ target: `{ use: ./plugins/target.js }` }))).toMatchInlineSnapshot(`
      "holdfast.yaml:2:3: targets.vault.with.path: is missing.
      → For example path: ./vault."
    `)
  })

  it('options without a value', async () => {
    expect(await wrong(good({ target: `{ use: ./plugins/target.js, with: }` }))).toMatchInlineSnapshot(`
      "holdfast.yaml:2:44: targets.vault.with: must be a mapping, not empty.
      → For example with: { path: ./folder }."
    `)
  })

  it('an option of the wrong type', async () => {
    expect(await wrong(good({ target: `{ use: ./plugins/target.js, with: { path: 7 } }` }))).toMatchInlineSnapshot(`
      "holdfast.yaml:2:52: targets.vault.with.path: must be text, not a number.
      → For example path: ./vault."
    `)
  })

  it('an option out of range', async () => {
    expect(
      await wrong(good({ target: `{ use: ./plugins/target.js, with: { path: a, copies: 10 } }` })),
    ).toMatchInlineSnapshot(`
      "holdfast.yaml:2:63: targets.vault.with.copies: must be at most 9.
      → See the options of './plugins/target.js'."
    `)
  })

  it('an option that is none of the choices', async () => {
    expect(
      await wrong(good({ target: `{ use: ./plugins/target.js, with: { path: a, mode: looked } }` })),
    ).toMatchInlineSnapshot(`
      "holdfast.yaml:2:61: targets.vault.with.mode: must be 'plain' or 'locked'.
      → Did you mean 'locked'?"
    `)
  })

  it('an empty option', async () => {
    expect(await wrong(good({ target: `{ use: ./plugins/target.js, with: { path: '' } }` }))).toMatchInlineSnapshot(`
      "holdfast.yaml:2:52: targets.vault.with.path: must not be empty.
      → For example path: ./vault."
    `)
  })

  it('a password in plain text', async () => {
    expect(
      await wrong(good({ target: `{ use: ./plugins/target.js, with: { path: a, password: hunter2 } }` })),
    ).toMatchInlineSnapshot(`
      "holdfast.yaml:2:65: targets.vault.with.password: is a secret in plain text.
      → Give a reference: password: { env: NAME }, { file: PATH } or { command: [PROGRAM, ARGUMENT] }."
    `)
  })

  it('a password that is a number', async () => {
    expect(
      await wrong(good({ target: `{ use: ./plugins/target.js, with: { path: a, password: 12345 } }` })),
    ).toMatchInlineSnapshot(`
      "holdfast.yaml:2:65: targets.vault.with.password: is a secret in plain text.
      → Give a reference: password: { env: NAME }, { file: PATH } or { command: [PROGRAM, ARGUMENT] }."
    `)
  })

  it('a key in plain text further down', async () => {
    expect(
      await wrong(
        good({ target: `{ use: ./plugins/target.js, with: { path: a, login: { user: me, accessKey: hunter2 } } }` }),
      ),
    ).toMatchInlineSnapshot(`
      "holdfast.yaml:2:85: targets.vault.with.login.accessKey: is a secret in plain text.
      → Give a reference: accessKey: { env: NAME }, { file: PATH } or { command: [PROGRAM, ARGUMENT] }."
    `)
  })

  it('a password that is an unknown kind of reference', async () => {
    expect(
      await wrong(good({ target: `{ use: ./plugins/target.js, with: { path: a, password: { vault: hunter2 } } }` })),
    ).toMatchInlineSnapshot(`
      "holdfast.yaml:2:65: targets.vault.with.password: is not a reference to a secret.
      → Give a reference: password: { env: NAME }, { file: PATH } or { command: [PROGRAM, ARGUMENT] }."
    `)
  })

  it('a password with two references', async () => {
    expect(
      await wrong(good({ target: `{ use: ./plugins/target.js, with: { path: a, password: { env: A, file: B } } }` })),
    ).toMatchInlineSnapshot(`
      "holdfast.yaml:2:65: targets.vault.with.password: is not a reference to a secret.
      → Give a reference: password: { env: NAME }, { file: PATH } or { command: [PROGRAM, ARGUMENT] }."
    `)
  })

  it('a command as text', async () => {
    expect(
      await wrong(
        good({ target: `{ use: ./plugins/target.js, with: { path: a, password: { command: pass show x } } }` }),
      ),
    ).toMatchInlineSnapshot(`
      "holdfast.yaml:2:65: targets.vault.with.password: is not a reference to a secret.
      → Give a reference: password: { env: NAME }, { file: PATH } or { command: [PROGRAM, ARGUMENT] }."
    `)
  })

  it('a secret under an unknown key', async () => {
    expect(
      await wrong(good({ target: `{ use: ./plugins/target.js, with: { path: a, passwort: hunter2 } }` })),
    ).toMatchInlineSnapshot(`
      "holdfast.yaml:2:55: targets.vault.with.passwort: is not a known key.
      → Did you mean 'password'?"
    `)
  })

  it('a plain secret that the plugin itself would take', async () => {
    expect(
      await wrong(
        good({ pipeline: `transforms: [{ use: ./plugins/parts.js#careless, with: { apiToken: hunter2 } }]` }),
      ),
    ).toMatchInlineSnapshot(`
      "holdfast.yaml:7:72: pipelines.nightly.transforms[0].with.apiToken: is a secret in plain text.
      → Give a reference: apiToken: { env: NAME }, { file: PATH } or { command: [PROGRAM, ARGUMENT] }."
    `)
  })

  it('a vendor schema that quotes a secret', async () => {
    expect(
      await wrong(
        good({ pipeline: `transforms: [{ use: ./plugins/parts.js#vendor, with: { credentialText: hunter2 } }]` }),
      ),
    ).toMatchInlineSnapshot(`
      "holdfast.yaml:7:52: pipelines.nightly.transforms[0].with.window[0]: must be a prime number.
      holdfast.yaml:7:58: pipelines.nightly.transforms[0].with: is refused; the reason is not shown since it quotes a secret.
      → pipelines.nightly.transforms[0].with.window[0]: See the options of './plugins/parts.js#vendor'.
      pipelines.nightly.transforms[0].with: See the options of the plugin."
    `)
  })

  it('a vendor schema that quotes what may be shown', async () => {
    expect(
      await wrong(good({ pipeline: `transforms: [{ use: ./plugins/parts.js#vendor, with: { window: [4] } }]` })),
    ).toMatchInlineSnapshot(`
      "holdfast.yaml:7:58: pipelines.nightly.transforms[0].with: got {"window":[4]}.
      holdfast.yaml:7:69: pipelines.nightly.transforms[0].with.window[0]: must be a prime number.
      → pipelines.nightly.transforms[0].with: See the options of './plugins/parts.js#vendor'.
      pipelines.nightly.transforms[0].with.window[0]: See the options of './plugins/parts.js#vendor'."
    `)
  })

  it('a factory that refuses', async () => {
    expect(
      await wrong(good({ pipeline: `transforms: [{ use: ./plugins/parts.js#refusing, with: { window: 1000 } }]` })),
    ).toMatchInlineSnapshot(`
      "holdfast.yaml:7:60: pipelines.nightly.transforms[0].with: A window of 1000 is not a power of two.
      → Use 1024 or 2048."
    `)
  })

  it('a plugin that makes nothing', async () => {
    expect(await wrong(good({ pipeline: `transforms: [{ use: ./plugins/parts.js#hollow }]` }))).toMatchInlineSnapshot(`
      "holdfast.yaml:7:18: pipelines.nightly.transforms[0].with: Expected a plugin object with a kind and an id.
      → Call the factory: diskTarget({ path }), not diskTarget."
    `)
  })

  it("wrong options of a target's own chain", async () => {
    expect(
      await wrong(
        good().replace(
          '[vault]',
          '[{ to: vault, transforms: [{ use: ./plugins/parts.js#zip, with: { level: 20 } }] }]',
        ),
      ),
    ).toMatchInlineSnapshot(`
      "holdfast.yaml:6:87: pipelines.nightly.targets[0].transforms[0].with.level: must be at most 19.
      → See the options of './plugins/parts.js#zip'."
    `)
  })

  it('an option whose author says what to write', async () => {
    expect(
      await wrong(good({ target: '{ use: ./plugins/target.js, with: { path: a, rights: 640 } }' })),
    ).toMatchInlineSnapshot(`
      "holdfast.yaml:2:63: targets.vault.with.rights: must be text, not a number.
      → Expected rights in quotes, such as '0640'."
    `)
  })

  it('an option whose author says what is wrong', async () => {
    expect(
      await wrong(good({ target: "{ use: ./plugins/target.js, with: { path: a, rights: '640' } }" })),
    ).toMatchInlineSnapshot(`
      "holdfast.yaml:2:63: targets.vault.with.rights: must start with 0.
      → See the options of './plugins/target.js'."
    `)
  })

  it('a key of an option that does not fit', async () => {
    expect(
      await wrong(good({ target: '{ use: ./plugins/target.js, with: { path: a, labels: { tier: gold } } }' })),
    ).toMatchInlineSnapshot(`
      "holdfast.yaml:2:65: targets.vault.with.labels.tier: a label starts with 'x-'.
      → Change the key."
    `)
  })

  it('a yes that is text', async () => {
    expect(
      await wrong(good({ target: '{ use: ./plugins/target.js, with: { path: a, follow: yes } }' })),
    ).toMatchInlineSnapshot(`
      "holdfast.yaml:2:63: targets.vault.with.follow: must be true or false, not text.
      → Write true or false; yes, no, on and off are text."
    `)
  })
})
