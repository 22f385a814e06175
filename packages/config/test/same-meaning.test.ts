import { describe, expect, it } from 'vitest'
import type { LoadedConfig } from '../src/index.js'
import { load } from './config-folder.js'

const yaml = `
targets:
  vault: { use: ./plugins/target.js, with: { path: ./vault, copies: 2 } }
  away: { use: tiny-pack, with: { path: ./away, password: { env: AWAY } } }
  deep: { use: tiny-import-only/deep, with: { path: ./deep } }
pipelines:
  nightly:
    source: { use: ./plugins/source.js, with: { path: ./machines } }
    select: { include: [web-*], exclude: [web-9], labels: { tier: gold } }
    quiesce: [{ use: 'tiny-pack#freeze', with: { script: ./freeze.sh } }]
    onQuiesceFailure: degrade
    transforms: [{ use: 'tiny-pack#zip', with: { level: 3 } }]
    targets:
      - vault
      - { to: away, transforms: [{ use: './plugins/parts.js#zip' }] }
      - { to: deep, every: quarter, keep: 13w }
    retention: { last: 3, hourly: 1, daily: 7, weekly: 4, monthly: 12, yearly: 0, minimumAge: 7d, minimumVerified: 1 }
    limits: { machines: 2, disksPerMachine: 3, readRate: 100MiB, writeRate: 4096, workers: 4 }
    schedule: 30 1 * * mon-fri
    objectives: { rpo: 24h, rto: 1h }
    bootProbe: { serial: 'login:', timeout: 90s }
  weekly:
    source: { use: ./plugins/source.js, with: { path: ./machines } }
    targets: [vault]
`

const typescript = `
import { tinyQuiesce, tinyTransform } from './plugins/parts.js'
import { tinySource } from './plugins/source.js'
import { tinyTarget } from './plugins/target.js'

const level: number = 3
export default {
  targets: {
    vault: tinyTarget({ path: './vault', copies: 2 }),
    away: tinyTarget({ path: './away', password: { env: 'AWAY' } }),
    deep: tinyTarget({ path: './deep' }),
  },
  pipelines: {
    nightly: {
      source: tinySource({ path: './machines' }),
      select: { include: ['web-*'], exclude: ['web-9'], labels: { tier: 'gold' } },
      quiesce: [tinyQuiesce({ script: './freeze.sh' })],
      onQuiesceFailure: 'degrade',
      transforms: [tinyTransform({ level })],
      targets: ['vault', { to: 'away', transforms: [tinyTransform()] }, { to: 'deep', every: 'quarter', keep: '13w' }],
      retention: { last: 3, hourly: 1, daily: 7, weekly: 4, monthly: 12, yearly: 0, minimumAge: '7d', minimumVerified: 1 },
      limits: { machines: 2, disksPerMachine: 3, readRate: '100MiB', writeRate: 4096, workers: 4 },
      schedule: '30 1 * * mon-fri',
      objectives: { rpo: '24h', rto: '1h' },
      bootProbe: { serial: 'login:', timeout: '90s' },
    },
    weekly: { source: tinySource({ path: './machines' }), targets: ['vault'], limits: undefined },
  },
}
`

/** Everything of a configuration that can be compared; functions differ by identity. */
function comparable({ pipelines, targets, transforms }: LoadedConfig): unknown {
  // The fixtures are reached through a link, which the test runner follows in one case and not in the other.
  const withoutFolder = (key: string, value: unknown) => (key === 'module' ? String(value).split('/').at(-1) : value)
  return JSON.parse(JSON.stringify({ pipelines, targets: [...targets], transforms }, withoutFolder))
}

describe('one configuration in two forms', () => {
  it('becomes the same pipelines', async () => {
    const fromYaml = await load(yaml)
    const fromTypescript = await load(typescript, 'holdfast.config.ts')
    expect(comparable(fromTypescript)).toEqual(comparable(fromYaml))
  })

  it('has every value in the units of the contract, and nothing that was not given', async () => {
    const { pipelines, transforms, targets } = await load(yaml)
    const [nightly, weekly] = pipelines
    expect(nightly).toMatchObject({
      name: 'nightly',
      onQuiesceFailure: 'degrade',
      select: { include: ['web-*'], exclude: ['web-9'], labels: { tier: 'gold' } },
      retention: {
        last: 3,
        hourly: 1,
        daily: 7,
        weekly: 4,
        monthly: 12,
        yearly: 0,
        minimumAgeMs: 604_800_000,
        minimumVerified: 1,
      },
      limits: {
        machines: 2,
        disksPerMachine: 3,
        readBytesPerSecond: 104_857_600,
        writeBytesPerSecond: 4096,
        workers: 4,
      },
      schedule: '30 1 * * mon-fri',
      objectives: { recoveryPointMs: 86_400_000, recoveryTimeMs: 3_600_000 },
      bootProbe: { kind: 'serial', pattern: 'login:', timeoutMs: 90_000 },
    })
    expect(Object.keys(weekly ?? {}).sort()).toEqual(['name', 'source', 'targets'])
    expect(nightly?.targets.map(({ name, plugin }) => [name, plugin === targets.get(name)])).toEqual([
      ['vault', true],
      ['away', true],
      ['deep', true],
    ])
    expect(nightly?.targets.map(({ transforms: chain }) => chain?.length)).toEqual([undefined, 1, undefined])
    expect(nightly?.targets.map(({ every, keepMs }) => [every, keepMs])).toEqual([
      [undefined, undefined],
      [undefined, undefined],
      ['quarter', 13 * 7 * 86_400_000],
    ])
    expect(Object.keys(nightly?.targets[0] ?? {}).sort()).toEqual(['name', 'plugin'])
    expect(transforms.map(({ parameters }) => parameters)).toEqual([{ level: 3 }, { level: 1 }])
  })

  it.each([
    ['{ agent: true }', { kind: 'agent', timeoutMs: 120_000 }],
    ['{ command: uptime, timeout: 5m }', { kind: 'command', command: 'uptime', timeoutMs: 300_000 }],
  ])('takes the boot probe %s', async (probe, expected) => {
    const { pipelines } = await load(
      yaml.replace('objectives:', `bootProbe: ${probe}\n    objectives:`).replace(/^.*login:.*$/m, ''),
    )
    expect(pipelines[0]?.bootProbe).toEqual(expected)
  })

  it('may use aliases, quotes and JSON', async () => {
    const { pipelines } = await load(`{
\t"targets": { "vault": { "use": "./plugins/target.js", "with": { "path": "a" } } },
\t"pipelines": {
\t\t"a": &a { "source": { "use": "./plugins/source.js", "with": { "path": "a" } }, "targets": ["vault"] },
\t\t"b": *a
\t}
}`)
    expect(pipelines.map(({ name }) => name)).toEqual(['a', 'b'])
  })

  it('may have targets alone, for reading what is stored', async () => {
    const { pipelines, targets } = await load('targets: { vault: { use: tiny-pack, with: { path: a } } }')
    expect(pipelines).toEqual([])
    expect(targets.size).toBe(1)
  })
})
