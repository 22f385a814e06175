import { isBackupError, maxObjectKeyLength, type ObjectKey } from '@holdfast/core'
import { seededBytes } from '../../images/seeded-random.js'
import { expectBackupError, expectEqual, expectThat } from '../expect.js'
import { bodyOf, collect } from '../streams.js'
import { expectObject, keyOf, listKeys, openTarget, putBytes, type TargetCheck } from './target-check.js'

/** Every legal key works, no other does. */
export const keyChecks: readonly TargetCheck[] = [
  {
    id: 'target/keys/legal',
    kind: 'target',
    title: 'stores, finds and lists objects under every kind of legal key',
    run: async (env) => {
      await using session = await openTarget(env)
      const longest = longestName(maxObjectKeyLength - env.uniqueName.length - 1)
      const names = [
        '.hidden',
        '-dash',
        '_',
        'x..y',
        'y..',
        'a.tmp',
        'a.partial',
        'tmp/a',
        'nul',
        'x'.repeat(200),
        longest,
      ]
      const stored = names.map((name, at) => [keyOf(env, name), seededBytes(100 + at, at)] as const)
      for (const [key, bytes] of stored) await putBytes(env, session, key, bytes)
      for (const [key, bytes] of stored) await expectObject(env, session, key, bytes, `Key '${key.slice(0, 60)}'`)
      expectEqual(await listKeys(env, session), stored.map(([key]) => key).sort(), 'Listed keys')
    },
  },
  {
    id: 'target/keys/case-twins',
    kind: 'target',
    title: 'never takes two keys that differ in case for the same object',
    run: async (env) => {
      await using session = await openTarget(env)
      const [lower, upper] = [keyOf(env, 'twin'), keyOf(env, 'TWIN')]
      await putBytes(env, session, lower, seededBytes(100, 71))
      const outcome = await putBytes(env, session, upper, seededBytes(100, 72)).catch((error: unknown) => error)
      expectThat(outcome === undefined || isBackupError(outcome), 'The second key was refused with a foreign error.')
      await expectObject(env, session, lower, seededBytes(100, 71), 'The first of two keys that differ in case')
      if (outcome === undefined) await expectObject(env, session, upper, seededBytes(100, 72), 'The second')
    },
  },
  {
    id: 'target/keys/illegal',
    kind: 'target',
    title: 'refuses keys that could leave its folder or that are not legal',
    run: async (env) => {
      await using session = await openTarget(env)
      const before = await listKeys(env, session, '')
      for (const name of [
        '../escape',
        '/absolute',
        'a/../../../b',
        'a\0b',
        '',
        '.',
        '..',
        'a//b',
        'a b',
        'ü',
        'x'.repeat(300),
      ]) {
        // A host never does this; a plugin that trusts it is one bug away from writing outside its folder.
        const key = (name.startsWith('/') || name === '' ? name : `${env.uniqueName}/${name}`) as ObjectKey
        const what = `Key ${JSON.stringify(name.slice(0, 40))}`
        await expectBackupError(
          session.put(key, bodyOf(seededBytes(10, 73)), { signal: env.signal }),
          ['E_OBJECT_KEY'],
          `${what}: put`,
        )
        const get = collect(session.get(key, { signal: env.signal }))
        await expectBackupError(get, ['E_OBJECT_KEY', 'E_OBJECT_NOT_FOUND'], `${what}: get`)
      }
      expectEqual(await listKeys(env, session, ''), before, 'Listing everything afterwards')
    },
  },
]

function longestName(length: number): string {
  const text = 'long-'.repeat(Math.ceil(length / 5)).slice(0, length)
  return text.replace(/(.{99})./g, '$1/').replace(/[/-]$/, 'z')
}
