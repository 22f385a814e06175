import type { MediaSet, MediaSetsFacet, ObjectKey, TargetSession } from '@holdfast/core'
import { seededBytes } from '../../images/seeded-random.js'
import { expectBackupError, expectEqual, expectThat, fail } from '../expect.js'
import { bodyOf } from '../streams.js'
import {
  expectObject,
  keyOf,
  openTarget,
  putBytes,
  type TargetCheck,
  type TargetCheckEnvironment,
} from './target-check.js'

/** Sets of media, each by itself. */
export const setChecks: readonly TargetCheck[] = [
  {
    id: 'target/sets/listed',
    kind: 'target',
    title: 'takes no set into use before something is put, and lists it from then on, kept as long as was asked',
    needs: ({ sets }) => sets,
    run: async (env) => {
      await using session = await openTarget(env)
      const sets = setsOf(session)
      const { signal } = env
      const before = await listSets(env, sets)
      const [first, second] = [keyOf(env, 'first'), keyOf(env, 'second')]
      const inMs = (ms: number) => new Date(env.context.clock.now().getTime() + ms)
      const late = inMs(30 * 86_400_000)
      {
        await using writer = await sets.write({ signal, keepUntil: late })
        expectThat(writer.sets === undefined, 'The session of a set has sets itself.')
        await writer.stat(first, { signal })
        expectEqual(idsOf(await listSets(env, sets)), idsOf(before), 'Sets before anything is put')
        await putBytes(env, writer, first, seededBytes(10_000, 96))
        await writer.sync?.({ signal })
      }
      const written = await setWith(env, sets, first)
      const others = idsOf(await listSets(env, sets)).filter((id) => id !== written.id)
      expectEqual(
        others,
        idsOf(before).filter((id) => id !== written.id),
        'The other sets',
      )
      expectKept(written, late)
      {
        await using writer = await sets.write({ signal, keepUntil: inMs(60_000) })
        await putBytes(env, writer, second, seededBytes(10_000, 97))
        await writer.sync?.({ signal })
      }
      expectKept(await setWith(env, sets, first), late)
      await setWith(env, sets, second)
    },
  },
  {
    id: 'target/sets/read-only',
    kind: 'target',
    title: 'opens a set for reading and for nothing else',
    needs: ({ sets }) => sets,
    run: async (env) => {
      await using session = await openTarget(env)
      const sets = setsOf(session)
      const { signal } = env
      const [key, bytes] = [keyOf(env, 'stored'), seededBytes(50_000, 98)]
      {
        await using writer = await sets.write({ signal })
        await putBytes(env, writer, key, bytes)
        await writer.sync?.({ signal })
      }
      const { id } = await setWith(env, sets, key)
      {
        await using reader = await sets.open(id, { signal })
        expectThat(reader.sets === undefined, 'The session of a set has sets itself.')
        await expectObject(env, reader, key, bytes, 'The object of the set')
        const put = reader.put(keyOf(env, 'late'), bodyOf(bytes), { signal, sizeBytes: bytes.length })
        await expectBackupError(put, ['E_TARGET_READ_ONLY'], 'Putting into a set that was opened for reading')
        expectThat(
          (await reader.stat(keyOf(env, 'late'), { signal })) === undefined,
          'What was refused is there all the same.',
        )
      }
      expectThat(idsOf(await listSets(env, sets)).includes(id), `Set ${id} is gone when its reader is.`)
      await expectBackupError(sets.open(`no-${id}`, { signal }), ['E_OBJECT_NOT_FOUND'], 'Opening a set that is not')
    },
  },
  {
    id: 'target/media/needed',
    kind: 'target',
    title: 'names each wanted object once at most, and no others, by the media that hold them',
    needs: ({ media }) => media,
    run: async (env) => {
      await using session = await openTarget(env)
      const { signal } = env
      const { media } = session
      if (media === undefined) fail('The session has no media.')
      const names = Array.from({ length: 6 }, (_, at) => `object-${at}`)
      const keys = names.map((name) => keyOf(env, name))
      for (const [at, key] of keys.entries()) {
        const bytes = seededBytes(20_000 + at, at)
        await session.put(key, bodyOf(bytes), { signal, sizeBytes: bytes.length, isBulk: at % 3 !== 1 })
      }
      await session.sync?.({ signal })
      const asked = keys.slice(1)
      const needed = await media.needed(asked, { signal })
      const named = needed.flatMap((medium) => medium.keys)
      expectEqual(
        named.filter((key, at) => !asked.includes(key) || named.indexOf(key) !== at),
        [],
        'Keys that were not asked for, or are named twice',
      )
      for (const { name, keys: of } of needed)
        expectThat(name !== '' && of.length > 0, `Medium '${name}' is needed for ${of.length} objects.`)
      expectEqual([...new Set(needed.map(({ name }) => name))].length, needed.length, 'Media named, each once')
      const away = new Set(needed.flatMap((medium) => (medium.isOnline ? [] : medium.keys)))
      for (const [at, key] of keys.entries()) {
        if (at === 0 || away.has(key)) continue
        await expectObject(
          env,
          session,
          key,
          seededBytes(20_000 + at, at),
          `Object ${at}, which needs nothing that is away`,
        )
      }
      expectEqual(await media.needed([], { signal }), [], 'Media that nothing needs')
      const missing = media.needed([keyOf(env, 'missing')], { signal })
      await expectBackupError(missing, ['E_OBJECT_NOT_FOUND'], 'Asking for media of an object that is not there')
    },
  },
]

function setsOf(session: TargetSession): MediaSetsFacet {
  return session.sets ?? fail('The session has no sets.')
}

async function listSets(env: TargetCheckEnvironment, sets: MediaSetsFacet): Promise<readonly MediaSet[]> {
  const listed = await sets.list({ signal: env.signal })
  const times = listed.map(({ createdAt }) => createdAt.getTime())
  expectThat(!times.some(Number.isNaN), 'A set was made at no time.')
  expectEqual(
    times,
    [...times].sort((a, b) => a - b),
    'When the sets were made, in their order',
  )
  expectEqual(idsOf(listed), [...new Set(idsOf(listed))], 'Ids of sets, each once')
  return listed
}

function idsOf(sets: readonly MediaSet[]): readonly string[] {
  return sets.map(({ id }) => id)
}

/** Finds the one set that holds an object. */
async function setWith(env: TargetCheckEnvironment, sets: MediaSetsFacet, key: ObjectKey): Promise<MediaSet> {
  const holding: MediaSet[] = []
  for (const set of await listSets(env, sets)) {
    await using reader = await sets.open(set.id, { signal: env.signal })
    if ((await reader.stat(key, { signal: env.signal })) !== undefined) holding.push(set)
  }
  const [only] = holding
  if (only === undefined || holding.length > 1)
    fail(`${key} was put into one set, and is in ${holding.length} of those listed.`)
  return only
}

function expectKept({ id, keepUntil }: MediaSet, until: Date): void {
  expectThat(
    keepUntil === undefined || keepUntil >= until,
    `Set ${id} is kept until ${keepUntil?.toISOString()}, ${until.toISOString()} was asked for.`,
  )
}
