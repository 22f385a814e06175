import { inspect } from 'node:util'
import { describe, expect, it } from 'vitest'
import { aesGcmTransform, plugin } from '../src/index.js'

describe('aesGcmTransform', () => {
  it('declares a key, authentication and sixteen bytes more a frame', () => {
    expect(aesGcmTransform({ passphrase: { env: 'P' } }).capabilities).toEqual({
      shrinks: false,
      keyed: true,
      authenticates: true,
      overheadBytes: 16,
      exactOverhead: true,
    })
  })

  it.each([{ env: 'P' }, { file: './passphrase' }, { command: ['pass', 'show', 'backup'] as const }])(
    'keeps the reference %j for the host and stores nothing of it',
    (passphrase) => {
      const transform = aesGcmTransform({ passphrase })
      expect(transform.passphrase).toEqual(passphrase)
      expect(transform.parameters).toEqual({})
    },
  )

  it.each([
    {},
    { passphrase: 'correct horse' },
    { passphrase: { env: '' } },
    { passphrase: { command: [] } },
    { passphrase: { env: 'P', file: 'p' } },
    { passphrase: { env: 'P' }, level: 3 },
  ])('refuses the options %j and says what is wrong', (options) => {
    expect(() => plugin.create(options as never)).toThrowErrorMatchingSnapshot()
    expect(() => plugin.create(options as never)).toThrow(
      expect.objectContaining({ code: 'E_CONFIG', plugin: 'aes-gcm' }),
    )
  })

  it('describes to editors what a reference is', () => {
    expect(plugin.options['~standard'].jsonSchema?.input({ target: 'draft-2020-12' })).toMatchObject({
      required: ['passphrase'],
      properties: {
        passphrase: {
          type: 'object',
          maxProperties: 1,
          properties: { env: { type: 'string' } },
          additionalProperties: false,
        },
      },
    })
  })

  it('never repeats a passphrase that was written where a reference belongs', () => {
    const options = { passphrase: 'correct horse' }
    expect.assertions(1)
    try {
      plugin.create(options as never)
    } catch (error) {
      expect(inspect(error, { depth: null })).not.toContain('correct horse')
    }
  })
})
