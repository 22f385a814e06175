import { sessionFacets } from '@holdfast/core'
import { seededBytes } from '../../images/seeded-random.js'
import { expectBackupError, expectEqual, expectThat } from '../expect.js'
import { bodyOf } from '../streams.js'
import { expectInvisible, expectObject, keyOf, openTarget, putBytes, type TargetCheck } from './target-check.js'

/** What a target declares beside storing is true, and what it does not declare is refused. */
export const facetChecks: readonly TargetCheck[] = [
  {
    id: 'target/facets/as-declared',
    kind: 'target',
    title: 'offers exactly the facets that its capabilities declare',
    run: async (env) => {
      const plugin = env.create()
      await using session = await plugin.open(env.context)
      for (const facet of sessionFacets.target) {
        const present = session[facet] !== undefined
        expectThat(
          present === plugin.capabilities[facet],
          `${facet} is declared ${plugin.capabilities[facet]} and is present: ${present}.`,
        )
      }
    },
  },
  {
    id: 'target/immutability/locks',
    kind: 'target',
    title: 'refuses to remove a locked object until its time is over',
    needs: ({ immutability }) => immutability,
    run: async (env) => {
      await using session = await openTarget(env)
      const { signal } = env
      const [atPut, later] = [keyOf(env, 'locked-at-put'), keyOf(env, 'locked-later')]
      const bytes = seededBytes(1_000, 91)
      const until = new Date(env.context.clock.now().getTime() + 60_000)
      await session.put(atPut, bodyOf(bytes), { signal, sizeBytes: bytes.length, retainUntil: until })
      await putBytes(env, session, later, bytes)
      await session.immutability?.retainUntil(later, until, { signal })
      await session.immutability
        ?.retainUntil(later, new Date(until.getTime() - 59_999), { signal })
        .catch(() => undefined)
      for (const key of [atPut, later]) {
        await expectBackupError(session.remove(key, { signal }), ['E_TARGET_IMMUTABLE'], `Removing ${key}`)
        await expectObject(env, session, key, bytes, 'The locked object')
      }
    },
  },
  {
    id: 'target/immutability/undeclared',
    kind: 'target',
    title: 'refuses to promise a lock that it cannot keep',
    needs: ({ immutability }) => !immutability,
    run: async (env) => {
      await using session = await openTarget(env)
      const key = keyOf(env, 'unlocked')
      const retainUntil = new Date(env.context.clock.now().getTime() + 60_000)
      const put = session.put(key, bodyOf(seededBytes(10, 92)), { signal: env.signal, retainUntil })
      await expectBackupError(put, ['E_UNSUPPORTED'], 'Putting with retainUntil')
      await expectInvisible(env, session, key, 'Putting with retainUntil')
    },
  },
  {
    id: 'target/ordering/permutation',
    kind: 'target',
    title: 'orders keys without losing or inventing any',
    needs: ({ ordering }) => ordering,
    run: async (env) => {
      await using session = await openTarget(env)
      const keys = ['c', 'a', 'd', 'b'].map((name) => keyOf(env, name))
      for (const key of keys) await putBytes(env, session, key, seededBytes(100, 93))
      const given = [...keys].sort()
      const ordered = (await session.ordering?.order(given, { signal: env.signal })) ?? []
      expectEqual([...ordered].sort(), [...keys].sort(), 'The ordered keys, sorted')
      expectEqual(await session.ordering?.order([], { signal: env.signal }), [], 'The order of no keys')
    },
  },
  {
    id: 'target/ordering/readable',
    kind: 'target',
    title: 'has one order for the same keys however they are given, and is readable in it',
    needs: ({ ordering, sequential }) => ordering && sequential,
    run: async (env) => {
      await using session = await openTarget(env)
      const { signal } = env
      const contents = new Map(
        ['c', 'a', 'e', 'd', 'b'].map((name, at) => [keyOf(env, name), seededBytes(10_000 + at, at)]),
      )
      for (const [key, bytes] of contents) await putBytes(env, session, key, bytes)
      await session.sync?.({ signal })
      const given = [...contents.keys()].sort()
      const ordered = (await session.ordering?.order(given, { signal })) ?? []
      const again = await session.ordering?.order([...given].reverse(), { signal })
      expectEqual(again, ordered, 'The order of the same keys, given in another order')
      for (const key of ordered)
        await expectObject(env, session, key, contents.get(key) ?? new Uint8Array(), `${key}, in its turn`)
    },
  },
  {
    id: 'target/capacity/plausible',
    kind: 'target',
    title: 'tells a capacity that can be true',
    needs: ({ capacity }) => capacity,
    run: async (env) => {
      await using session = await openTarget(env)
      const room = await session.capacity?.capacity({ signal: env.signal })
      const { totalBytes = -1, freeBytes = -1 } = room ?? {}
      const plausible =
        Number.isSafeInteger(totalBytes) && Number.isSafeInteger(freeBytes) && freeBytes >= 0 && totalBytes >= freeBytes
      expectThat(plausible, `Capacity is ${freeBytes} free of ${totalBytes} bytes.`)
    },
  },
]
