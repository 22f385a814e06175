import { describe, expect, it } from 'vitest'
import { plugin, zstdTransform } from '../src/index.js'

describe('zstdTransform', () => {
  it('compresses at level 1 unless told otherwise', () => {
    expect(zstdTransform().parameters).toEqual({ level: 1 })
    expect(zstdTransform({ level: 2 }).parameters).toEqual({ level: 2 })
    expect(zstdTransform({ level: -3 }).parameters).toEqual({ level: -3 })
  })

  it('declares that it shrinks and needs no key', () => {
    const { capabilities, passphrase } = zstdTransform()
    expect(capabilities).toEqual({
      shrinks: true,
      keyed: false,
      authenticates: false,
      overheadBytes: 0,
      exactOverhead: false,
    })
    expect(passphrase).toBeUndefined()
  })

  it.each([{ level: 0 }, { level: 23 }, { level: -8 }, { level: 1.5 }, { level: '3' }, { levle: 3 }, null])(
    'refuses the options %j and says what is wrong',
    (options) => {
      expect(() => plugin.create(options as never)).toThrowErrorMatchingSnapshot()
      expect(() => plugin.create(options as never)).toThrow(
        expect.objectContaining({ code: 'E_CONFIG', plugin: 'zstd' }),
      )
    },
  )

  it('offers its options as a schema to config readers', async () => {
    const schema = plugin.options['~standard']
    expect(await schema.validate({})).toEqual({ value: { level: 1 } })
    expect((await schema.validate({ level: 99 })).issues).toMatchObject([{ path: ['level'] }])
    expect(schema.jsonSchema?.input({ target: 'draft-2020-12' })).toMatchObject({
      properties: { level: { maximum: 22 } },
    })
  })
})
