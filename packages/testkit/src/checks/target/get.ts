import type { TargetPlugin } from '@holdfast/core'
import { seededBytes, seededNumbers } from '../../images/seeded-random.js'
import { expectAborted, expectBackupError, expectBytes } from '../expect.js'
import { collect, drain } from '../streams.js'
import { keyOf, openTarget, putBytes, type TargetCheck } from './target-check.js'

const sizeBytes = 300_007

/** Reading gives exactly what was asked for, or fails. */
export const getChecks: readonly TargetCheck[] = [
  {
    id: 'target/get/ranges',
    kind: 'target',
    title: 'yields exactly the asked range',
    run: async (env) => {
      await using session = await openTarget(env)
      const [key, bytes] = [keyOf(env, 'ranges'), seededBytes(sizeBytes, 41)]
      await putBytes(env, session, key, bytes)
      for (const [offset, length] of someRanges()) {
        const read = await collect(session.get(key, { signal: env.signal, range: { offset, length } }))
        expectBytes(read, bytes.subarray(offset, offset + length), `Bytes ${offset} to ${offset + length}`)
      }
    },
  },
  {
    id: 'target/get/past-end',
    kind: 'target',
    title: 'throws when a range reaches past the end, instead of yielding less',
    run: async (env) => {
      await using session = await openTarget(env)
      const key = keyOf(env, 'short')
      await putBytes(env, session, key, seededBytes(10_000, 42))
      for (const [offset, length] of [
        [9_999, 2],
        [0, 10_001],
        [10_000, 1],
        [20_000, 5],
        [5_000, 1_000_000],
      ] as const) {
        const read = collect(session.get(key, { signal: env.signal, range: { offset, length } }))
        await expectBackupError(read, ['E_DAMAGED', 'E_TARGET_*'], `Bytes ${offset} to ${offset + length} of 10000`)
      }
    },
  },
  {
    id: 'target/get/missing',
    kind: 'target',
    title: 'throws E_OBJECT_NOT_FOUND for a key that is not there',
    run: async (env) => {
      await using session = await openTarget(env)
      const { signal } = env
      await putBytes(env, session, keyOf(env, 'folder/there'), seededBytes(10, 43))
      for (const name of ['none', 'folder', 'folder/ther', 'folder/there/none']) {
        const key = keyOf(env, name)
        await expectBackupError(collect(session.get(key, { signal })), ['E_OBJECT_NOT_FOUND'], `Reading '${name}'`)
        const range = { offset: 1, length: 2 }
        await expectBackupError(
          collect(session.get(key, { signal, range })),
          ['E_OBJECT_NOT_FOUND'],
          `A range of '${name}'`,
        )
      }
    },
  },
  {
    id: 'target/get/abort',
    kind: 'target',
    title: 'stops a read that is aborted half-way',
    run: async (env) => {
      const plugin = env.create()
      await using session = await openTarget(env, plugin)
      const [key, bytes] = [keyOf(env, 'aborted'), seededBytes(largeWithin(plugin), 44)]
      await putBytes(env, session, key, bytes)
      const abort = new AbortController()
      let [pieces, read] = [0, 0]
      const reading = (async () => {
        for await (const piece of session.get(key, { signal: abort.signal })) {
          pieces++
          read += piece.length
          abort.abort(new Error('enough'))
        }
        // Everything in one piece: nothing was left to abort.
        if (pieces === 1 && read === bytes.length) throw abort.signal.reason
      })()
      await expectAborted(reading, abort.signal, 'A read aborted after the first piece')
      expectBytes(await collect(session.get(key, { signal: env.signal })), bytes, 'The object read again')
    },
  },
  {
    id: 'target/get/stop-early',
    kind: 'target',
    title: 'lets a reader stop early and stays usable',
    run: async (env) => {
      const plugin = env.create()
      await using session = await openTarget(env, plugin)
      const [key, bytes] = [keyOf(env, 'left'), seededBytes(largeWithin(plugin), 45)]
      await putBytes(env, session, key, bytes)
      for (let round = 0; round < 12; round++) {
        for await (const _ of session.get(key, { signal: env.signal })) break
      }
      expectBytes(await collect(session.get(key, { signal: env.signal })), bytes, 'The object read to its end')
    },
  },
  {
    id: 'target/get/concurrent',
    kind: 'target',
    title: 'serves several reads at once',
    needs: ({ maxConcurrency }) => maxConcurrency >= 2,
    run: async (env) => {
      const plugin = env.create()
      await using session = await openTarget(env, plugin)
      const [key, bytes] = [keyOf(env, 'popular'), seededBytes(sizeBytes, 46)]
      await putBytes(env, session, key, bytes)
      const readers = Array.from({ length: Math.min(plugin.capabilities.maxConcurrency, 8) }, async (_, at) => {
        const range = { offset: at * 1_000, length: sizeBytes - at * 2_000 }
        const read = await collect(session.get(key, { signal: env.signal, range }))
        expectBytes(read, bytes.subarray(range.offset, range.offset + range.length), `Concurrent read ${at}`)
      })
      await Promise.all(readers)
    },
  },
  {
    id: 'target/get/aborted-before',
    kind: 'target',
    title: 'starts nothing whose signal is already aborted',
    run: async (env) => {
      await using session = await openTarget(env)
      const key = keyOf(env, 'there')
      await putBytes(env, session, key, seededBytes(1_000, 47))
      const signal = AbortSignal.abort(new Error('too late'))
      await expectAborted(drain(session.get(key, { signal })), signal, 'get with an aborted signal')
      await expectAborted(drain(session.list('', { signal })), signal, 'list with an aborted signal')
      await expectAborted(session.stat(key, { signal }), signal, 'stat with an aborted signal')
      if (env.create().capabilities.removes)
        await expectAborted(session.remove(key, { signal }), signal, 'remove with an aborted signal')
      expectBytes(
        await collect(session.get(key, { signal: env.signal })),
        seededBytes(1_000, 47),
        'The object afterwards',
      )
    },
  },
  {
    id: 'target/get/memory',
    kind: 'target',
    title: 'uses the memory that a reader gives for nothing but what it yields next',
    run: async (env) => {
      await using session = await openTarget(env)
      const [key, bytes] = [keyOf(env, 'memory'), seededBytes(sizeBytes, 49)]
      await putBytes(env, session, key, bytes)
      for (const range of [
        { offset: 0, length: sizeBytes },
        { offset: 12_345, length: 200_000 },
      ]) {
        const read = new Uint8Array(new SharedArrayBuffer(range.length))
        let at = 0
        const memory = () => read.subarray(at, at + 70_001)
        for await (const piece of session.get(key, { signal: env.signal, range, memory })) {
          const inPlace = piece.buffer === read.buffer && piece.byteOffset === at
          if (!inPlace) read.set(piece.subarray(0, range.length - at), at)
          at += piece.length
        }
        const expected = bytes.subarray(range.offset, range.offset + range.length)
        expectBytes(Uint8Array.from(read.subarray(0, at)), expected, 'What was read into given memory')
      }
    },
  },
]

/** More bytes than a read should hand over at once, as far as the target takes them. */
function largeWithin({ capabilities }: TargetPlugin): number {
  return Math.min(4 * 1024 * 1024, capabilities.maxObjectBytes ?? Number.MAX_SAFE_INTEGER)
}

function* someRanges(): Generator<readonly [offset: number, length: number]> {
  yield* [
    [0, 1],
    [0, sizeBytes],
    [sizeBytes - 1, 1],
    [1, sizeBytes - 1],
    [65_535, 2],
    [65_536, 65_536],
  ] as const
  const next = seededNumbers(48)
  for (let count = 0; count < 20; count++) {
    const offset = next() % sizeBytes
    yield [offset, 1 + (next() % (sizeBytes - offset))]
  }
}
