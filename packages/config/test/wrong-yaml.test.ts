import { describe, expect, it } from 'vitest'
import { good, wrong } from './config-folder.js'

/** Nine levels of nine aliases each unfold to 387 million values. */
function aliasBomb(): string {
  const levels = Array.from({ length: 9 }, (_, level) => {
    const inner = level === 0 ? 'lol' : `*a${level - 1}`
    return `a${level}: &a${level} [${Array(9).fill(inner).join(', ')}]`
  })
  return levels.join('\n')
}

describe('YAML that cannot be read as a configuration', () => {
  it('an empty file', async () => {
    expect(await wrong(``)).toMatchInlineSnapshot(`
      "holdfast.yaml: is empty.
      → Start with targets: { vault: { use: '@holdfast/target-disk', with: { path: ./vault } } }"
    `)
  })

  it('only comments', async () => {
    expect(
      await wrong(`# nothing yet
`),
    ).toMatchInlineSnapshot(`
      "holdfast.yaml: is empty.
      → Start with targets: { vault: { use: '@holdfast/target-disk', with: { path: ./vault } } }"
    `)
  })

  it('a list at the top', async () => {
    expect(
      await wrong(`- a
- b
`),
    ).toMatchInlineSnapshot(`
      "holdfast.yaml:1:1: must be a mapping, not a list.
      → Give a mapping with the keys targets, pipelines."
    `)
  })

  it('plain text', async () => {
    expect(await wrong(`hello`)).toMatchInlineSnapshot(`
      "holdfast.yaml:1:1: must be a mapping, not text.
      → Give a mapping with the keys targets, pipelines."
    `)
  })

  it('a tab as indentation', async () => {
    expect(
      await wrong(`targets:
	vault: {}
`),
    ).toMatchInlineSnapshot(`
      "holdfast.yaml:2:1: a tab is used for indentation.
      → Indent with spaces."
    `)
  })

  it('a bracket that is not closed', async () => {
    expect(
      await wrong(`targets: { vault: { use: x }
pipelines: {}
`),
    ).toMatchInlineSnapshot(`
      "holdfast.yaml:2:1: the indentation or a bracket does not fit.
      → Indent keys of one level alike and close every bracket."
    `)
  })

  it('a quote that is not closed, next to a secret', async () => {
    expect(
      await wrong(`targets:
  vault: { use: x, with: { password: "hunter2 } }
`),
    ).toMatchInlineSnapshot(`
      "holdfast.yaml:3:1: a quote, comma, colon or bracket is missing.
      → Close what was opened before this place."
    `)
  })

  it('wrong indentation', async () => {
    expect(
      await wrong(`targets:
  vault:
    use: x
   with: {}
`),
    ).toMatchInlineSnapshot(`
      "holdfast.yaml:4:1: the indentation or a bracket does not fit.
      → Indent keys of one level alike and close every bracket."
    `)
  })

  it('a missing space after a colon', async () => {
    expect(
      await wrong(`targets:
  vault:x
  other: y
`),
    ).toMatchInlineSnapshot(`
      "holdfast.yaml:2:3: a ':' is missing, or a key goes over several lines.
      → Write 'key: value', with a space after ':'."
    `)
  })

  it('two keys on one line', async () => {
    expect(
      await wrong(`targets: vault: x
`),
    ).toMatchInlineSnapshot(`
      "holdfast.yaml:1:10: a second key stands on one line.
      → Start a new line, or put text that has ': ' in it in quotes."
    `)
  })

  it('a second document', async () => {
    expect(
      await wrong(`targets: {}
---
pipelines: {}
`),
    ).toMatchInlineSnapshot(`
      "holdfast.yaml:2:1: a second document starts here ('---').
      → Keep one document in the file."
    `)
  })

  it('a key given twice', async () => {
    expect(
      await wrong(`targets:
  vault: { use: ./plugins/target.js, with: { path: a } }
  vault: { use: ./plugins/target.js, with: { path: b } }
`),
    ).toMatchInlineSnapshot(`
      "holdfast.yaml:3:3: targets.vault: is given twice.
      → Keep one of them; the first is in line 2."
    `)
  })

  it('a merge key', async () => {
    expect(
      await wrong(`base: &base { last: 3 }
targets: { vault: { use: ./plugins/target.js, with: { path: a } } }
pipelines:
  nightly:
    source: { use: ./plugins/source.js, with: { path: a } }
    targets: [vault]
    retention: { <<: *base, daily: 7 }
`),
    ).toMatchInlineSnapshot(`
      "holdfast.yaml:1:1: base: is not a known key.
      holdfast.yaml:7:18: pipelines.nightly.retention["<<"]: merge keys are not supported.
      → base: Known keys here: pipelines, targets.
      pipelines.nightly.retention["<<"]: Write the keys out, or use an alias for the whole value."
    `)
  })

  it('a tag', async () => {
    expect(
      await wrong(`targets:
  vault: !!binary aGVsbG8=
`),
    ).toMatchInlineSnapshot(`
      "holdfast.yaml:2:19: targets.vault: tags are not used in a configuration.
      → Remove the word that starts with '!', or put the text in quotes."
    `)
  })

  it('a tag that would run code elsewhere', async () => {
    expect(
      await wrong(`targets: !!js/function 'x'
`),
    ).toMatchInlineSnapshot(`
      "holdfast.yaml:1:24: targets: tags are not used in a configuration.
      → Remove the word that starts with '!', or put the text in quotes."
    `)
  })

  it('a cron expression without quotes', async () => {
    expect(await wrong(good({ pipeline: `schedule: * * * * *` }))).toMatchInlineSnapshot(`
      "holdfast.yaml:7:15: '*' starts an alias here.
      → Put text that starts with '*' in quotes: '* * * * *'."
    `)
  })

  it('an alias without an anchor', async () => {
    expect(await wrong(good({ pipeline: `retention: *keep` }))).toMatchInlineSnapshot(`
      "holdfast.yaml:7:16: pipelines.nightly.retention: no anchor '&keep' stands before this alias.
      → Put text that starts with '*' in quotes."
    `)
  })

  it('an alias that holds itself', async () => {
    expect(
      await wrong(`targets: &t { vault: *t }
`),
    ).toMatchInlineSnapshot(`
      "holdfast.yaml:1:22: targets.vault: the alias holds itself.
      → Write the value out."
    `)
  })

  it('a key that would reach the prototype', async () => {
    expect(
      await wrong(`targets:
  __proto__: { use: x }
`),
    ).toMatchInlineSnapshot(`
      "holdfast.yaml:2:3: targets.__proto__: is not a key.
      holdfast.yaml:2:3: targets: names no target.
      → targets.__proto__: Remove it.
      targets: For example targets: { vault: { use: '@holdfast/target-disk', with: { path: ./vault } } }."
    `)
  })

  it('a mapping as a key', async () => {
    expect(
      await wrong(`? { a: 1 }
: b
`),
    ).toMatchInlineSnapshot(`
      "holdfast.yaml:1:3: a list or mapping cannot be a key.
      → Use plain text as the key."
    `)
  })

  it('an unknown directive', async () => {
    expect(
      await wrong(`%HELLO 1
---
targets: {}
`),
    ).toMatchInlineSnapshot(`
      "holdfast.yaml:1:1: a line that starts with '%' is a directive, and this one is unknown.
      → Remove the line."
    `)
  })

  it('a reserved character', async () => {
    expect(
      await wrong(`targets: @vault
`),
    ).toMatchInlineSnapshot(`
      "holdfast.yaml:1:10: text cannot start with this character.
      → Put the text in quotes."
    `)
  })

  it('an unknown escape', async () => {
    expect(
      await wrong(`targets: "\\q"
`),
    ).toMatchInlineSnapshot(`
      "holdfast.yaml:1:11: a backslash in double quotes starts an escape, and this one is unknown.
      → Use single quotes."
    `)
  })

  it('an alias bomb', async () => {
    expect(await wrong(aliasBomb())).toMatchInlineSnapshot(`
      "holdfast.yaml:5:30: there are too many values, or aliases that unfold to them.
      → Use fewer aliases."
    `)
  })

  it('a million opened brackets', async () => {
    expect(await wrong('['.repeat(1_000_000))).toMatchInlineSnapshot(`
      "holdfast.yaml: the nesting is too deep.
      → Nest at most 64 levels; check for brackets that are never closed."
    `)
  })

  it('a deep but closed nesting', async () => {
    expect(await wrong(`targets: ${'['.repeat(100)}${']'.repeat(100)}`)).toMatchInlineSnapshot(`
      "holdfast.yaml:1:74: the nesting is too deep.
      → Nest at most 64 levels; check for brackets that are never closed."
    `)
  })

  it('a file of 10 MB', async () => {
    expect(await wrong('a: 1\n'.repeat(2_000_000))).toMatchInlineSnapshot(`
      "holdfast.yaml: is larger than 1 MiB.
      → Name the configuration file itself."
    `)
  })

  it('text that is not UTF-8', async () => {
    expect(await wrong(new Uint8Array([0x74, 0x3a, 0x20, 0xff, 0xfe]))).toMatchInlineSnapshot(`
      "holdfast.yaml: is not UTF-8 text.
      → Save the file as UTF-8."
    `)
  })

  it('UTF-16', async () => {
    expect(await wrong(Buffer.from('targets: {}', 'utf16le'))).toMatchInlineSnapshot(`
      "holdfast.yaml: holds NUL bytes.
      → Save the file as UTF-8 text."
    `)
  })

  it('JSON that is not JSON', async () => {
    expect(await wrong('{ targets: {}, }', 'holdfast.config.json')).toMatchInlineSnapshot(`
      "holdfast.config.json: is YAML and not JSON.
      → Name it .yaml, or remove comments, trailing commas and plain text."
    `)
  })

  it('JSON with a syntax error', async () => {
    expect(await wrong('{ "targets": { "vault": }', 'holdfast.config.json')).toMatchInlineSnapshot(`
      "holdfast.config.json:1:26: a quote, comma, colon or bracket is missing.
      → Close what was opened before this place."
    `)
  })
})
