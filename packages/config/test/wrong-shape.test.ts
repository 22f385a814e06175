import { describe, expect, it } from 'vitest'
import { good, wrong } from './config-folder.js'

describe('a configuration of the wrong shape', () => {
  it('no targets at all', async () => {
    expect(
      await wrong(`pipelines: {}
`),
    ).toMatchInlineSnapshot(`
      "holdfast.yaml:1:1: targets: is missing.
      → For example targets: { vault: { use: '@holdfast/target-disk', with: { path: ./vault } } }."
    `)
  })

  it('targets that are empty', async () => {
    expect(
      await wrong(`targets: {}
`),
    ).toMatchInlineSnapshot(`
      "holdfast.yaml:1:10: targets: names no target.
      → For example targets: { vault: { use: '@holdfast/target-disk', with: { path: ./vault } } }."
    `)
  })

  it('targets without a value', async () => {
    expect(
      await wrong(`targets:
`),
    ).toMatchInlineSnapshot(`
      "holdfast.yaml:1:9: targets: must be a mapping, not empty.
      → For example targets: { vault: { use: '@holdfast/target-disk', with: { path: ./vault } } }."
    `)
  })

  it('targets as a list', async () => {
    expect(
      await wrong(`targets:
  - { use: ./plugins/target.js, with: { path: a } }
`),
    ).toMatchInlineSnapshot(`
      "holdfast.yaml:2:3: targets: must be a mapping, not a list.
      → For example targets: { vault: { use: '@holdfast/target-disk', with: { path: ./vault } } }."
    `)
  })

  it('a misspelt key at the top', async () => {
    expect(await wrong(good({ top: 'pipeline: {}' }))).toMatchInlineSnapshot(`
      "holdfast.yaml:7:1: pipeline: is not a known key.
      → Did you mean 'pipelines'?"
    `)
  })

  it('a key like none there is', async () => {
    expect(await wrong(good({ top: 'notifications: {}' }))).toMatchInlineSnapshot(`
      "holdfast.yaml:7:1: notifications: is not a known key.
      → Known keys here: pipelines, targets."
    `)
  })

  it('a misspelt key of a pipeline', async () => {
    expect(await wrong(good({ pipeline: `retension: { last: 3 }` }))).toMatchInlineSnapshot(`
      "holdfast.yaml:7:5: pipelines.nightly.retension: is not a known key.
      → Did you mean 'retention'?"
    `)
  })

  it('a name with capitals', async () => {
    expect(
      await wrong(`targets:
  Vault: { use: ./plugins/target.js, with: { path: a } }
`),
    ).toMatchInlineSnapshot(`
      "holdfast.yaml:2:3: targets.Vault: is not a name: lower-case letters, digits, '-' and '_', at most 63, with a letter or digit first.
      → Change the key."
    `)
  })

  it('a name that escapes', async () => {
    expect(
      await wrong(`targets:
  ../vault: { use: ./plugins/target.js, with: { path: a } }
`),
    ).toMatchInlineSnapshot(`
      "holdfast.yaml:2:3: targets["../vault"]: is not a name: lower-case letters, digits, '-' and '_', at most 63, with a letter or digit first.
      → Change the key."
    `)
  })

  it('a name that is too long', async () => {
    expect(
      await wrong(`targets:\n  ${'a'.repeat(300)}: { use: ./plugins/target.js, with: { path: a } }\n`),
    ).toMatchInlineSnapshot(`
      "holdfast.yaml:2:3: targets["aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa…"]: is not a name: lower-case letters, digits, '-' and '_', at most 63, with a letter or digit first.
      → Change the key."
    `)
  })

  it('a pipeline without source and targets', async () => {
    expect(await wrong(good({ top: '  weekly: {}' }))).toMatchInlineSnapshot(`
      "holdfast.yaml:7:3: pipelines.weekly.source: is missing.
      holdfast.yaml:7:3: pipelines.weekly.targets: is missing.
      → pipelines.weekly.source: For example source: { use: '@holdfast/source-image' }.
      pipelines.weekly.targets: For example targets: [vault]."
    `)
  })

  it('a pipeline without a value', async () => {
    expect(await wrong(good({ top: '  weekly:' }))).toMatchInlineSnapshot(`
      "holdfast.yaml:7:10: pipelines.weekly: must be a mapping, not empty.
      → Give a mapping with the keys source, select, quiesce, onQuiesceFailure, transforms, targets, retention, limits, schedule, objectives, bootProbe."
    `)
  })

  it('no target in a pipeline', async () => {
    expect(await wrong(good().replace('[vault]', '[]'))).toMatchInlineSnapshot(`
      "holdfast.yaml:6:14: pipelines.nightly.targets: must not be empty.
      → For example targets: [vault]."
    `)
  })

  it('a target as text instead of a list', async () => {
    expect(await wrong(good().replace('[vault]', 'vault'))).toMatchInlineSnapshot(`
      "holdfast.yaml:6:14: pipelines.nightly.targets: must be a list, not text.
      → For example targets: [vault]."
    `)
  })

  it('a target that is not declared', async () => {
    expect(await wrong(good().replace('[vault]', '[valt]'))).toMatchInlineSnapshot(`
      "holdfast.yaml:6:15: pipelines.nightly.targets[0]: names no target of this configuration.
      → Did you mean 'vault'?"
    `)
  })

  it('a target that is like none declared', async () => {
    expect(await wrong(good().replace('[vault]', '[{ to: tape }]'))).toMatchInlineSnapshot(`
      "holdfast.yaml:6:21: pipelines.nightly.targets[0].to: names no target of this configuration.
      → Targets here: vault."
    `)
  })

  it('a target twice', async () => {
    expect(await wrong(good().replace('[vault]', '[vault, { to: vault }]'))).toMatchInlineSnapshot(`
      "holdfast.yaml:6:28: pipelines.nightly.targets[1].to: names a target that the pipeline already has.
      → Remove one of the two."
    `)
  })

  it('a target with a misspelt key', async () => {
    expect(await wrong(good().replace('[vault]', '[{ to: vault, transform: [] }]'))).toMatchInlineSnapshot(`
      "holdfast.yaml:6:28: pipelines.nightly.targets[0].transform: is not a known key.
      → Did you mean 'transforms'?"
    `)
  })

  it('a number as a target', async () => {
    expect(await wrong(good().replace('[vault]', '[7]'))).toMatchInlineSnapshot(`
      "holdfast.yaml:6:15: pipelines.nightly.targets[0]: must be text or a mapping, not a number.
      → For example vault."
    `)
  })

  it('a quiesce hook that is no list', async () => {
    expect(
      await wrong(good({ pipeline: `quiesce: { use: ./plugins/parts.js#freeze, with: { script: a } }` })),
    ).toMatchInlineSnapshot(`
      "holdfast.yaml:7:14: pipelines.nightly.quiesce: must be a list, not a mapping.
      → Freeze in this order, thaw in reverse."
    `)
  })

  it('an unknown policy', async () => {
    expect(await wrong(good({ pipeline: `onQuiesceFailure: degrad` }))).toMatchInlineSnapshot(`
      "holdfast.yaml:7:23: pipelines.nightly.onQuiesceFailure: must be 'fail' or 'degrade'.
      → Did you mean 'degrade'?"
    `)
  })

  it('a transform as text', async () => {
    expect(await wrong(good({ pipeline: `transforms: [./plugins/parts.js#zip]` }))).toMatchInlineSnapshot(`
      "holdfast.yaml:7:18: pipelines.nightly.transforms[0]: must be a mapping, not text.
      → For example { use: '@holdfast/transform-zstd' }."
    `)
  })

  it('retention that keeps nothing', async () => {
    expect(await wrong(good({ pipeline: `retention: {}` }))).toMatchInlineSnapshot(`
      "holdfast.yaml:7:16: pipelines.nightly.retention: keeps nothing.
      → Keep at least something, as last: 3, or leave retention out to keep every point."
    `)
  })

  it('retention of nothing but zeros', async () => {
    expect(await wrong(good({ pipeline: `retention: { last: 0, minimumAge: 0s }` }))).toMatchInlineSnapshot(`
      "holdfast.yaml:7:16: pipelines.nightly.retention: keeps nothing.
      → Keep at least something, as last: 3, or leave retention out to keep every point."
    `)
  })

  it('a negative count', async () => {
    expect(await wrong(good({ pipeline: `retention: { last: -1 }` }))).toMatchInlineSnapshot(`
      "holdfast.yaml:7:24: pipelines.nightly.retention.last: must be at least 0.
      → For example last: 3."
    `)
  })

  it('a fraction of a count', async () => {
    expect(await wrong(good({ pipeline: `retention: { daily: 1.5 }` }))).toMatchInlineSnapshot(`
      "holdfast.yaml:7:25: pipelines.nightly.retention.daily: must be a whole number, not a fraction or a number beyond all bounds.
      → For example daily: 7."
    `)
  })

  it('a count as text', async () => {
    expect(await wrong(good({ pipeline: `retention: { weekly: four }` }))).toMatchInlineSnapshot(`
      "holdfast.yaml:7:26: pipelines.nightly.retention.weekly: must be a whole number, not text.
      → For example weekly: 4."
    `)
  })

  it('a count beyond all bounds', async () => {
    expect(await wrong(good({ pipeline: `retention: { weekly: .inf }` }))).toMatchInlineSnapshot(`
      "holdfast.yaml:7:26: pipelines.nightly.retention.weekly: must be a whole number, not a fraction or a number beyond all bounds.
      → For example weekly: 4."
    `)
  })

  it('an age without a unit', async () => {
    expect(await wrong(good({ pipeline: `retention: { last: 1, minimumAge: 7 }` }))).toMatchInlineSnapshot(`
      "holdfast.yaml:7:39: pipelines.nightly.retention.minimumAge: must be text, not a number.
      → For example minimumAge: 7d."
    `)
  })

  it('an age with an unknown unit', async () => {
    expect(await wrong(good({ pipeline: `retention: { last: 1, minimumAge: 7 fortnights }` }))).toMatchInlineSnapshot(`
      "holdfast.yaml:7:39: pipelines.nightly.retention.minimumAge: '7 fortnights' is not a duration.
      → Write a number and a unit: 500ms, 30s, 5m, 2h, 7d, 1w."
    `)
  })

  it('a rate with an unknown unit', async () => {
    expect(await wrong(good({ pipeline: `limits: { readRate: 100MiB/s }` }))).toMatchInlineSnapshot(`
      "holdfast.yaml:7:25: pipelines.nightly.limits.readRate: '100MiB/s' is not a size.
      → Write a number and a unit: 64KiB, 100MB, 2TiB."
    `)
  })

  it('a rate of nothing', async () => {
    expect(await wrong(good({ pipeline: `limits: { writeRate: 0 }` }))).toMatchInlineSnapshot(`
      "holdfast.yaml:7:26: pipelines.nightly.limits.writeRate: must be more than 0.
      → Leave it out for no limit."
    `)
  })

  it('a rate as a list', async () => {
    expect(await wrong(good({ pipeline: `limits: { readRate: [1, 2] }` }))).toMatchInlineSnapshot(`
      "holdfast.yaml:7:25: pipelines.nightly.limits.readRate: must be text or a whole number, not a list.
      → For example readRate: 100MiB."
    `)
  })

  it('no machine at once', async () => {
    expect(await wrong(good({ pipeline: `limits: { machines: 0 }` }))).toMatchInlineSnapshot(`
      "holdfast.yaml:7:25: pipelines.nightly.limits.machines: must be at least 1.
      → For example machines: 3."
    `)
  })

  it('too many workers', async () => {
    expect(await wrong(good({ pipeline: `limits: { workers: 5000 }` }))).toMatchInlineSnapshot(`
      "holdfast.yaml:7:24: pipelines.nightly.limits.workers: must be at most 1024.
      → For example workers: 4."
    `)
  })

  it('a misspelt limit', async () => {
    expect(await wrong(good({ pipeline: `limits: { diskPerMachine: 2 }` }))).toMatchInlineSnapshot(`
      "holdfast.yaml:7:15: pipelines.nightly.limits.diskPerMachine: is not a known key.
      → Did you mean 'disksPerMachine'?"
    `)
  })

  it('a schedule of six fields', async () => {
    expect(await wrong(good({ pipeline: `schedule: '0 0 1 * * *'` }))).toMatchInlineSnapshot(`
      "holdfast.yaml:7:15: pipelines.nightly.schedule: is no cron expression of five fields.
      → Write minute, hour, day of month, month and day of week: '30 1 * * *' is every day at 01:30."
    `)
  })

  it('a schedule out of range', async () => {
    expect(await wrong(good({ pipeline: `schedule: '61 1 * * *'` }))).toMatchInlineSnapshot(`
      "holdfast.yaml:7:15: pipelines.nightly.schedule: is no cron expression: Invalid value for minute: 61.
      → Write minute, hour, day of month, month and day of week: '30 1 * * *' is every day at 01:30."
    `)
  })

  it('a schedule that never comes', async () => {
    expect(await wrong(good({ pipeline: `schedule: '0 0 30 2 *'` }))).toMatchInlineSnapshot(`
      "holdfast.yaml:7:15: pipelines.nightly.schedule: names a time that never comes.
      → Write minute, hour, day of month, month and day of week: '30 1 * * *' is every day at 01:30."
    `)
  })

  it('an objective that is no duration', async () => {
    expect(await wrong(good({ pipeline: `objectives: { rpo: daily }` }))).toMatchInlineSnapshot(`
      "holdfast.yaml:7:24: pipelines.nightly.objectives.rpo: 'daily' is not a duration.
      → Write a number and a unit: 500ms, 30s, 5m, 2h, 7d, 1w."
    `)
  })

  it('a misspelt objective', async () => {
    expect(await wrong(good({ pipeline: `objectives: { rp0: 24h }` }))).toMatchInlineSnapshot(`
      "holdfast.yaml:7:19: pipelines.nightly.objectives.rp0: is not a known key.
      → Did you mean 'rpo'?"
    `)
  })

  it('a selector that is text', async () => {
    expect(await wrong(good({ pipeline: `select: { include: web-* }` }))).toMatchInlineSnapshot(`
      "holdfast.yaml:7:24: pipelines.nightly.select.include: must be a list, not text.
      → For example include: ['web-*', db-1]."
    `)
  })

  it('a label that is no text', async () => {
    expect(await wrong(good({ pipeline: `select: { labels: { tier: 1 } }` }))).toMatchInlineSnapshot(`
      "holdfast.yaml:7:31: pipelines.nightly.select.labels.tier: must be text, not a number.
      → For example labels: { tier: gold }."
    `)
  })

  it('an empty pattern', async () => {
    expect(await wrong(good({ pipeline: `select: { include: [''] }` }))).toMatchInlineSnapshot(`
      "holdfast.yaml:7:25: pipelines.nightly.select.include[0]: must not be empty.
      → For example include: ['web-*', db-1]."
    `)
  })

  it('several problems at once, in the order of the file', async () => {
    expect(
      await wrong(
        good({
          target: '{ use: ./plugins/target.js, with: { pth: a } }',
          pipeline: 'retention: { last: x, dayly: 2 }',
        }).replace('[vault]', '[valt]'),
      ),
    ).toMatchInlineSnapshot(`
      "holdfast.yaml:2:38: targets.vault.with.path: is missing.
      holdfast.yaml:2:46: targets.vault.with.pth: is not a known key.
      holdfast.yaml:6:15: pipelines.nightly.targets[0]: names no target of this configuration.
      holdfast.yaml:7:24: pipelines.nightly.retention.last: must be a whole number, not text.
      holdfast.yaml:7:27: pipelines.nightly.retention.dayly: is not a known key.
      → targets.vault.with.path: For example path: ./vault.
      targets.vault.with.pth: Did you mean 'path'?
      pipelines.nightly.targets[0]: Did you mean 'vault'?
      pipelines.nightly.retention.last: For example last: 3.
      pipelines.nightly.retention.dayly: Did you mean 'daily'?"
    `)
  })

  it('a wrong value that an alias brings, at the alias too', async () => {
    expect(
      await wrong(
        good({
          pipeline: 'retention: &keep { last: x }',
          top: '  weekly: { source: { use: ./plugins/source.js, with: { path: a } }, targets: [vault], retention: *keep }',
        }),
      ),
    ).toMatchInlineSnapshot(`
      "holdfast.yaml:7:30: pipelines.nightly.retention.last: must be a whole number, not text.
      holdfast.yaml:8:99: pipelines.weekly.retention.last: must be a whole number, not text.
      → pipelines.nightly.retention.last: For example last: 3.
      pipelines.weekly.retention.last: For example last: 3."
    `)
  })

  it.each([
    ['no probe', '{}'],
    ['two probes', "{ serial: 'login:', agent: true }"],
    ['an agent that is not asked', '{ agent: false }'],
    ['an empty pattern', "{ serial: '' }"],
    ['a pattern of two lines', '{ serial: "a\\nb" }'],
    ['a time that is none', "{ serial: 'login:', timeout: soon }"],
    ['more than a day', '{ agent: true, timeout: 2d }'],
    ['an unknown probe', '{ ping: true }'],
  ])('a boot probe with %s', async (_, probe) => {
    expect(await wrong(good({ pipeline: `bootProbe: ${probe}` }))).toMatchSnapshot()
  })

  it.each([
    ['none to copy from', '[{ to: vault, every: week }]'],
    ['an unknown period', '[{ to: vault, every: fortnight }]'],
    ['a time to keep that is none', '[{ to: vault, keep: forever }]'],
    ['a misspelt key', '[{ to: vault, evry: week }]'],
    ['a target twice, once for copies', '[vault, { to: vault, every: week }]'],
  ])('targets with %s', async (_, targets) => {
    expect(await wrong(good().replace('targets: [vault]', `targets: ${targets}`))).toMatchSnapshot()
  })
})
