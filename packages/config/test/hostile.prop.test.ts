import { inspect } from 'node:util'
import { isBackupError, type PluginModule } from '@holdfast/core'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { z } from 'zod'
import { createPlugin } from '../src/plugin-module.js'
import { closest } from '../src/suggest.js'
import { parseYamlTree } from '../src/yaml-tree.js'
import { good, load } from './config-folder.js'

const yamlish = fc.string({
  unit: fc.constantFrom(
    'a',
    ': ',
    '- ',
    '\n',
    '  ',
    '[',
    ']',
    '{',
    '}',
    '&x ',
    '*x',
    '!t ',
    '"',
    "'",
    '|',
    '>',
    '#',
    '<<',
    '%',
    '?',
    ',',
  ),
  maxLength: 60,
})

describe('any text', () => {
  it('is parsed to values or to problems, never to a crash', () => {
    fc.assert(
      fc.property(fc.oneof(yamlish, fc.string()), (text) => {
        const { value, problems, placeOf } = parseYamlTree(text)
        for (const { place, message, hint } of problems) {
          expect(place === undefined || (place.line >= 1 && place.column >= 1)).toBe(true)
          expect(message.length * hint.length).toBeGreaterThan(0)
        }
        if (value === undefined) expect(problems.length).toBeGreaterThan(0)
        expect(placeOf(['a', 0], false).line).toBeGreaterThanOrEqual(1)
      }),
      { numRuns: 500 },
    )
  })

  it('in JSON has the values that JSON.parse gives', () => {
    fc.assert(
      fc.property(fc.jsonValue(), fc.constantFrom(0, 2, '\t'), (value, indent) => {
        const text = JSON.stringify(value, undefined, indent)
        fc.pre(!/"(?:__proto__|<<)"/.test(text))
        const tree = parseYamlTree(text)
        expect(tree.problems).toEqual([])
        expect(JSON.stringify(tree.value)).toBe(JSON.stringify(JSON.parse(text)))
      }),
    )
  })

  it('put into a good configuration anywhere is accepted or refused as E_CONFIG', async () => {
    const text = good({ pipeline: 'retention: { last: 3 }' })
    await fc.assert(
      fc.asyncProperty(fc.nat(text.length), fc.nat(12), yamlish, async (at, cut, insert) => {
        const changed = text.slice(0, at) + insert + text.slice(at + cut)
        const error: unknown = await load(changed).then(
          () => undefined,
          (reason: unknown) => reason,
        )
        if (error === undefined) return
        if (!isBackupError(error)) throw error
        expect(error.code).toBe('E_CONFIG')
        expect(error.hint).toBeTruthy()
      }),
      { numRuns: 40 },
    )
  })
})

describe('a secret in plain text', () => {
  const echo: PluginModule = {
    kind: 'transform',
    id: 'echo',
    options: z.unknown().superRefine((value, context) => {
      context.addIssue({ code: 'custom', message: `got ${JSON.stringify(value)}`, path: ['deep'] })
    }),
    create: () => {
      throw new Error('never made')
    },
  }
  const secretKey = fc.constantFrom(
    'password',
    'apiToken',
    'passphrase',
    'secret_key',
    'access-key',
    'clientSecret',
    'pwd',
    'authorization',
  )

  it('is in no problem, whatever the plugin says of it', async () => {
    await fc.assert(
      fc.asyncProperty(secretKey, fc.stringMatching(/^[A-Za-z0-9]{12}$/), fc.boolean(), async (key, secret, nested) => {
        const options = nested ? { list: [{ [key]: { value: secret } }] } : { [key]: secret }
        const created = await createPlugin(echo, 'echo', options)
        expect('problems' in created && created.problems.length).toBeGreaterThan(0)
        expect(inspect(created, { depth: 9 })).not.toContain(secret)
      }),
    )
  })
})

describe('a suggestion', () => {
  it('is the word itself when it is known, and within a third of its length otherwise', () => {
    const words = ['source', 'select', 'quiesce', 'transforms', 'targets', 'retention']
    fc.assert(
      fc.property(fc.constantFrom(...words), fc.nat(9), (word, at) => {
        expect(closest(word, words)).toBe(word)
        const index = at % word.length
        expect(closest(word.slice(0, index) + word.slice(index + 1), words)).toBe(word)
      }),
    )
    expect(closest('zebra', words)).toBeUndefined()
  })
})
