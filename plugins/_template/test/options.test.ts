import { expect, it } from 'vitest'
import { plugin } from '../src/index.js'

const good = { endpoint: 'https://vault.acme.example', token: { env: 'ACME_TOKEN' } }

it('takes an endpoint and where the token is', () => {
  expect(plugin.create(good)).toMatchObject({ kind: 'target', id: 'acme', capabilities: { exclusiveCreate: true } })
})

it.each([
  {},
  { ...good, endpoint: 'vault' },
  { ...good, token: 'the token itself' },
  { ...good, prefix: '../other/' },
  { ...good, prefix: 'no-slash' },
  { ...good, bucket: 'a' },
])('refuses the options %j and says what is wrong', (options) => {
  expect(() => plugin.create(options as never)).toThrowErrorMatchingSnapshot()
  expect(() => plugin.create(options as never)).toThrow(expect.objectContaining({ code: 'E_CONFIG', plugin: 'acme' }))
})
