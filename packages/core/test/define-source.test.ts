import { expect, test } from 'vitest'
import { defineSource } from '../src/contract/define.js'

const open = async () => {
  throw new Error('it is never opened')
}

test.each(['boot', 'overlays'] as const)('a source with %s needs restore', (capability) => {
  const source = (restore: boolean) => defineSource({ id: 'acme', capabilities: { restore, [capability]: true }, open })
  expect(() => source(false)).toThrow(expect.objectContaining({ code: 'E_PLUGIN_INVALID' }))
  expect(() => source(false)).toThrow(`${capability} needs restore`)
  expect(source(true).capabilities).toMatchObject({ restore: true, [capability]: true })
})

test('a source boots nothing and takes no exports unless it says so', () => {
  expect(defineSource({ id: 'acme', capabilities: { restore: true }, open }).capabilities).toMatchObject({
    boot: false,
    overlays: false,
  })
})
