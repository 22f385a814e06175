import { objectKey } from '@holdfast/core'
import { seededBytes } from '../../images/seeded-random.js'
import { expectEqual, expectThat } from '../expect.js'
import { toArray } from '../streams.js'
import { inParallel, keyOf, listKeys, openTarget, putBytes, type TargetCheck } from './target-check.js'

/** Listing finds every object once and nothing else. */
export const listChecks: readonly TargetCheck[] = [
  {
    id: 'target/list/exactly-once',
    kind: 'target',
    title: 'lists every object exactly once, across pages, with its size',
    run: async (env) => {
      const plugin = env.create()
      await using session = await openTarget(env, plugin)
      const names = Array.from({ length: (env.pageSize ?? 40) + 3 }, (_, at) => `${at % 3}/${at % 7}/object-${at}`)
      await inParallel(plugin, names, (name, at) => putBytes(env, session, keyOf(env, name), seededBytes(at, at + 1)))
      const listed = await toArray(session.list(`${env.uniqueName}/`, { signal: env.signal }))
      expectEqual(listed.map(({ key }) => key).sort(), names.map((name) => keyOf(env, name)).sort(), 'Listed keys')
      for (const { key, sizeBytes } of listed) {
        const at = names.findIndex((name) => keyOf(env, name) === key)
        expectThat(sizeBytes === at, `list says ${sizeBytes} bytes of ${key}, there are ${at}.`)
      }
      const all = await listKeys(env, session, '')
      expectThat(new Set(all).size === all.length, 'Listing everything shows some key twice.')
      expectThat(
        names.every((name) => all.includes(keyOf(env, name))),
        'Listing everything leaves objects out.',
      )
      for (const key of all) objectKey(key)
    },
  },
  {
    id: 'target/list/prefix',
    kind: 'target',
    title: 'lists the keys that start with the prefix, also in the middle of a part',
    run: async (env) => {
      await using session = await openTarget(env)
      const names = ['ab', 'abc', 'a/b/c', 'a/bc', 'b/a', 'abd/e/f']
      for (const name of names) await putBytes(env, session, keyOf(env, name), seededBytes(5, 51))
      for (const prefix of ['a', 'ab', 'abc', 'abcd', 'a/', 'a/b', 'a/b/', 'b', 'b/a', 'abd/e/f', 'none/', 'b/a/']) {
        const expected = names
          .filter((name) => name.startsWith(prefix))
          .map((name) => keyOf(env, name))
          .sort()
        expectEqual(await listKeys(env, session, `${env.uniqueName}/${prefix}`), expected, `Prefix '${prefix}'`)
      }
    },
  },
  {
    id: 'target/list/while-writing',
    kind: 'target',
    title: 'lists what is there exactly once while others store and remove',
    needs: ({ maxConcurrency }) => maxConcurrency >= 2,
    run: async (env) => {
      const plugin = env.create()
      await using session = await openTarget(env, plugin)
      const stay = Array.from({ length: 24 }, (_, at) => keyOf(env, `stay/${at}`))
      await inParallel(plugin, stay, (key) => putBytes(env, session, key, seededBytes(100, 52)))
      const seen: string[] = []
      for await (const { key } of session.list(`${env.uniqueName}/`, { signal: env.signal })) {
        seen.push(key)
        const passing = keyOf(env, `pass/${seen.length}`)
        if (seen.length <= 24) await putBytes(env, session, passing, seededBytes(100, 53))
        if (seen.length % 2 === 0 && plugin.capabilities.removes) await session.remove(passing, { signal: env.signal })
      }
      expectThat(new Set(seen).size === seen.length, 'A key is listed twice.')
      for (const key of stay) expectThat(seen.includes(key), `${key} was there all the time and is not listed.`)
      const known = seen.every(
        (key) => stay.some((there) => there === key) || key.startsWith(`${env.uniqueName}/pass/`),
      )
      expectThat(known, 'A key is listed that nobody stored.')
    },
  },
  {
    id: 'target/list/none',
    kind: 'target',
    title: 'lists nothing for a prefix that no key has',
    run: async (env) => {
      await using session = await openTarget(env)
      expectEqual(await listKeys(env, session), [], 'Keys of an unused prefix')
    },
  },
]
