import type { PluginModule } from '@holdfast/core'
import { Ajv2020 } from 'ajv/dist/2020.js'
import { describe, expect, it } from 'vitest'
import { parse } from 'yaml'
import { z } from 'zod'
import { configJsonSchema } from '../src/index.js'
import { good } from './config-folder.js'

function never(): never {
  throw new Error('never made')
}

interface Folder {
  readonly name: string
  readonly inner: Folder[]
}
const folder: z.ZodType<Folder> = z.lazy(() => z.strictObject({ name: z.string(), inner: z.array(folder) }))

const modules: Readonly<Record<string, PluginModule>> = {
  '@acme/target': {
    kind: 'target',
    id: 'acme',
    options: z.strictObject({
      path: z.string(),
      timeout: z.string().transform(Number).optional(),
      run: z.tuple([z.string()], z.string()).optional(),
    }),
    create: never,
  },
  '@acme/target#tree': { kind: 'target', id: 'tree', options: z.strictObject({ root: folder }), create: never },
  '@acme/zip': {
    kind: 'transform',
    id: 'zip',
    options: z.strictObject({ level: z.int().max(9).optional() }),
    create: never,
  },
  '@other/lock': {
    kind: 'transform',
    id: 'lock',
    options: {
      '~standard': {
        version: 1,
        vendor: 'other',
        validate: (value) => ({ value }),
        jsonSchema: {
          input: ({ target }) => ({ type: 'object', required: ['key'], properties: { key: {} }, $comment: target }),
        },
      },
    },
    create: never,
  },
  '@other/plain': {
    kind: 'transform',
    id: 'plain',
    options: { '~standard': { version: 1, vendor: 'other', validate: (value) => ({ value }) } },
    create: never,
  },
}

const schema = configJsonSchema(modules)
const validate = new Ajv2020({ allErrors: true, strict: true, strictRequired: false, strictTuples: false }).compile(
  schema,
)

function accepts(yaml: string): boolean {
  return validate(parse(yaml))
}

function withTarget(target: string): string {
  return good({ target })
}

function withTransform(transform: string): string {
  return good({ pipeline: `transforms: [${transform}]` })
}

describe('the JSON schema', () => {
  it('takes a configuration with everything in it', () => {
    expect(
      accepts(`
$schema: ./holdfast.schema.json
targets:
  vault: { use: '@acme/target', with: { path: ./vault, timeout: 30s } }
pipelines:
  nightly:
    source: { use: '@holdfast/source-image', with: { path: ./machines } }
    select: { include: ['web-*'] }
    quiesce: [{ use: '@holdfast/quiesce-script', with: { freeze: ./freeze.sh, thaw: ./thaw.sh, timeout: 30s } }]
    onQuiesceFailure: degrade
    transforms:
      - { use: '@acme/zip', with: { level: 1 } }
      - { use: './own.js', with: { passphrase: { env: HOLDFAST_PASSPHRASE } } }
    targets: [vault, { to: vault, transforms: [{ use: '@acme/zip' }] }]
    retention: { last: 3, daily: 7, weekly: 4, monthly: 12, minimumAge: 7d }
    limits: { readRate: 100MiB, writeRate: 4096, workers: 4 }
    schedule: '30 1 * * *'
    objectives: { rpo: 24h, rto: 1h }
    bootProbe: { command: uptime }
`),
    ).toBe(true)
  })

  it.each([
    ['an unknown key', good({ top: 'pipeline: {}' })],
    ['no targets', 'pipelines: {}'],
    ['a bad name', 'targets: { Vault: { use: x } }'],
    ['a wrong retention', good({ pipeline: 'retention: { last: -1 }' })],
    ['an unknown limit', good({ pipeline: 'limits: { disks: 1 }' })],
    ['a duration without unit', good({ pipeline: 'objectives: { rpo: "24" }' })],
    ['an unknown policy', good({ pipeline: 'onQuiesceFailure: shrug' })],
    ['a slot without use', withTarget('{ with: {} }')],
    ['an unknown key of a slot', withTarget('{ use: x, whit: {} }')],
    ['an unknown option', withTarget(`{ use: '@acme/target', with: { path: a, pth: b } }`)],
    ['a missing option', withTarget(`{ use: '@acme/target', with: {} }`)],
    ['missing options', withTarget(`{ use: '@acme/target' }`)],
    ['a list that is too short', withTarget(`{ use: '@acme/target', with: { path: a, run: [] } }`)],
    ['an option out of range', withTransform(`{ use: '@acme/zip', with: { level: 10 } }`)],
    ['a known plugin of the wrong kind', withTransform(`{ use: '@acme/target', with: { path: a } }`)],
    ['options of another vendor', withTransform(`{ use: '@other/lock', with: {} }`)],
    [
      'recursive options deep inside',
      withTarget(`{ use: '@acme/target#tree', with: { root: { name: a, inner: [{ name: 1, inner: [] }] } } }`),
    ],
  ])('refuses %s', (_case, yaml) => {
    expect(accepts(yaml)).toBe(false)
  })

  it.each([
    ['a plugin that it does not know', withTarget('{ use: holdfast-target-moon, with: { phase: full } }')],
    ['a plugin without options', withTransform(`{ use: '@acme/zip' }`)],
    ['a plugin whose options cannot be described', withTransform(`{ use: '@other/plain', with: { any: thing } }`)],
    ['options of another vendor', withTransform(`{ use: '@other/lock', with: { key: a } }`)],
    [
      'recursive options',
      withTarget(`{ use: '@acme/target#tree', with: { root: { name: a, inner: [{ name: b, inner: [] }] } } }`),
    ],
  ])('takes %s', (_case, yaml) => {
    expect(accepts(yaml)).toBe(true)
  })

  it('completes the names of plugins by kind', () => {
    expect(JSON.stringify(schema)).toContain('"enum":["@acme/target","@acme/target#tree"]')
    expect(JSON.stringify(schema)).toContain('draft-2020-12')
  })
})
