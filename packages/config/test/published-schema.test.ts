import { execFile } from 'node:child_process'
import { readFile } from 'node:fs/promises'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { Ajv2020, type ValidateFunction } from 'ajv/dist/2020.js'
import { beforeAll, describe, expect, it } from 'vitest'
import { parse } from 'yaml'

const script = fileURLToPath(new URL('../scripts/write-schema.mjs', import.meta.url))
let validate: ValidateFunction

beforeAll(async () => {
  const text = await readFile(new URL('../schema/holdfast.schema.json', import.meta.url), 'utf8')
  validate = new Ajv2020({
    allErrors: true,
    strict: true,
    strictRequired: false,
    strictTypes: false,
    strictTuples: false,
  }).compile(JSON.parse(text))
})

const yaml = `
targets:
  vault: { use: '@holdfast/target-disk', with: { path: ./vault } }
pipelines:
  nightly:
    source: { use: '@holdfast/source-image', with: { path: ./machines } }
    quiesce:
      - { use: '@holdfast/quiesce-script', with: { freeze: ./freeze.sh, thaw: ./thaw.sh, timeout: 30s } }
      - { use: '@holdfast/quiesce-guest-agent', with: { socket: './{name}.agent', mountpoints: [/] } }
    transforms:
      - { use: '@holdfast/transform-zstd', with: { level: 1 } }
      - { use: '@holdfast/transform-aes-gcm', with: { passphrase: { env: HOLDFAST_PASSPHRASE } } }
    targets: [vault]
    retention: { last: 3, daily: 7, weekly: 4, monthly: 12 }
  live:
    source: { use: '@holdfast/source-qemu', with: { monitor: './{name}.qmp', scratch: ./scratch, boot: { accelerator: tcg } } }
    targets: [vault]
  cluster:
    source: { use: '@holdfast/source-vmware', with: { host: vcenter, user: backup, password: { env: PASSWORD }, transports: [{ kind: https }] } }
    targets: [vault]
`

describe('the published schema', () => {
  it('is what the script makes now', async () => {
    await expect(promisify(execFile)(process.execPath, [script, '--check'])).resolves.toMatchObject({ stderr: '' })
  })

  it('takes a configuration with every plugin of this repository', () => {
    expect(validate(parse(yaml)) ? [] : validate.errors).toEqual([])
  })

  it.each([
    ['path: ./vault', 'pth: ./vault'],
    ['level: 1', 'level: 23'],
    ['{ env: HOLDFAST_PASSPHRASE }', 'hunter2'],
    ['thaw: ./thaw.sh', 'thaw: []'],
    ['path: ./machines', 'path: 7'],
    ['mountpoints: [/]', 'mountpoints: []'],
    ['scratch: ./scratch', 'scratch: 7'],
    ['scratch: ./scratch, ', ''],
    ['accelerator: tcg', 'accelerator: -kvm'],
    ['password: { env: PASSWORD }', 'password: hunter2'],
    ['kind: https', 'kind: telepathy'],
  ])('refuses it with %s changed to %s', (was, is) => {
    expect(validate(parse(yaml.replace(was, is)))).toBe(false)
  })
})
