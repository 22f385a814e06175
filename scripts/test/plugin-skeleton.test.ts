import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { tempFolder } from 'holdfast-lab'
import { beforeEach, expect, onTestFinished, test } from 'vitest'
import { createPlugin } from '../lib/plugin-skeleton.mjs'

let root: string

beforeEach(() => {
  root = tempFolder(onTestFinished).path
  write('LICENSE', 'the licence')
  write(
    'plugins/_template/package.json',
    JSON.stringify({ name: 'holdfast-target-acme', private: true, holdfast: { id: 'acme' } }),
  )
  const code = "const acmeTarget = (o: AcmeOptions) => inProcessAcme('acme', 'E_X_ACME_A')"
  write('plugins/_template/src/acme-target.ts', code)
  write('plugins/_template/README.md', '# holdfast-target-acme, an Acme vault')
  write('plugins/_template/node_modules/a/acme.js', '')
  write(
    'plugins/_template/transform/package.json',
    JSON.stringify({ name: 'holdfast-transform-acme', holdfast: { id: 'acme' } }),
  )
  write('plugins/_template/transform/tsconfig.json', '{ "extends": "../../../tsconfig.base.json" }')
})

test('a new plugin carries its own name in files, identifiers and prose, and is public', () => {
  expect(createPlugin({ root, kind: 'target', id: 'cloud-vault' })).toEqual({
    folder: 'plugins/target-cloud-vault',
    name: '@holdfast/target-cloud-vault',
  })
  expect(JSON.parse(read('plugins/target-cloud-vault/package.json'))).toEqual({
    name: '@holdfast/target-cloud-vault',
    holdfast: { id: 'cloud-vault' },
  })
  expect(read('plugins/target-cloud-vault/src/cloud-vault-target.ts')).toBe(
    "const cloudVaultTarget = (o: CloudVaultOptions) => inProcessCloudVault('cloud-vault', 'E_X_CLOUD_VAULT_A')",
  )
  expect(read('plugins/target-cloud-vault/README.md')).toBe('# @holdfast/target-cloud-vault, an Cloud Vault vault')
  expect(read('plugins/target-cloud-vault/LICENSE')).toBe('the licence')
})

test('what is built or belongs to another kind is not copied', () => {
  createPlugin({ root, kind: 'target', id: 'a' })
  expect(() => read('plugins/target-a/node_modules/a/a.js')).toThrow()
  expect(() => read('plugins/target-a/transform/package.json')).toThrow()
})

test('a kind with a template of its own starts from that, with paths for its new depth', () => {
  createPlugin({ root, kind: 'transform', id: 'lz4' })
  expect(JSON.parse(read('plugins/transform-lz4/package.json'))).toMatchObject({ name: '@holdfast/transform-lz4' })
  expect(read('plugins/transform-lz4/tsconfig.json')).toBe('{ "extends": "../../tsconfig.base.json" }')
})

test('a plugin that is already there is left alone', () => {
  write('plugins/target-mine/README.md', 'mine')
  expect(() => createPlugin({ root, kind: 'target', id: 'mine' })).toThrow('plugins/target-mine is already there')
  expect(read('plugins/target-mine/README.md')).toBe('mine')
})

test.each(['', '.', '../a', 'A', '-a', 'a-', 'a--b', '9a', 'a_b', 'a'.repeat(64)])('the id %j is refused', (id) => {
  expect(() => createPlugin({ root, kind: 'target', id })).toThrow('is no legal id')
})

test('an unknown kind and one without a template are refused', () => {
  expect(() => createPlugin({ root, kind: 'sink', id: 'a' })).toThrow("'sink' is no plugin kind")
  expect(() => createPlugin({ root, kind: 'source', id: 'a' })).toThrow('no template for a source')
})

function write(path: string, text: string): void {
  mkdirSync(dirname(join(root, path)), { recursive: true })
  writeFileSync(join(root, path), text)
}

function read(path: string): string {
  return readFileSync(join(root, path), 'utf8')
}
