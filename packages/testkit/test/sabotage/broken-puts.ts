import { BackupError, objectKey } from '@holdfast/core'
import { memoryTarget } from '../../src/memory/index.js'
import { brokenTarget, collected, once, putCollected } from './broken-target.js'
import type { Sabotage } from './sabotage.js'

const temporary = objectKey('tmp/unfinished')

/** Targets that store badly. */
export const brokenPuts: readonly Sabotage<'target'>[] = [
  brokenTarget(
    'shows an object while it is written',
    'target/put/visible-when-complete',
    /stat sees it/,
    (_session, { objects }) => ({
      put: async (key, body) => {
        let bytes: Uint8Array = new Uint8Array(0)
        for await (const piece of body) {
          bytes = Buffer.concat([bytes, piece])
          objects.overwrite(key, bytes)
        }
      },
    }),
  ),
  brokenTarget(
    'lists its temporary objects',
    'target/put/visible-when-complete',
    /Listing everything/,
    (session, { objects }) => ({
      put: async (key, body, options) => {
        objects.overwrite(temporary, new Uint8Array(1))
        try {
          await session.put(key, body, options)
        } finally {
          objects.drop(temporary)
        }
      },
    }),
  ),
  brokenTarget(
    'keeps what arrived before an abort',
    'target/put/abort',
    /An aborted put: stat sees it/,
    (session, { objects }) => ({
      put: (key, body, options) =>
        session.put(key, body, options).catch((error: unknown) => {
          if (options.signal.aborted) objects.overwrite(key, new Uint8Array(3))
          throw error
        }),
    }),
  ),
  brokenTarget(
    'leaves a temporary object behind after an abort',
    'target/put/abort',
    /Listing everything afterwards/,
    (session, { objects }) => ({
      put: (key, body, options) =>
        session.put(key, body, options).catch((error: unknown) => {
          if (options.signal.aborted) objects.overwrite(temporary, new Uint8Array(3))
          throw error
        }),
    }),
  ),
  brokenTarget('wraps the reason of an abort', 'target/put/abort', /expected the signal's reason/, (session) => ({
    put: (key, body, options) =>
      session.put(key, body, options).catch((cause: unknown) => {
        throw new BackupError('E_TARGET_IO', 'The put failed.', { cause })
      }),
  })),
  brokenTarget('does not look at the signal', 'target/put/abort', /although it was aborted|read on/, (session) => ({
    put: (key, body, options) => session.put(key, limited(body), { ...options, signal: new AbortController().signal }),
  })),
  brokenTarget(
    'waits for a stuck body after an abort',
    'target/put/abort-stuck-body',
    /no answer within/,
    (session) => ({
      put: putCollected((key, bytes, options) => session.put(key, once(bytes), options)),
    }),
  ),
  brokenTarget(
    'keeps what arrived before the body threw',
    'target/put/body-throws',
    /stat sees it/,
    (session, { objects }) => ({
      put: (key, body, options) =>
        session.put(key, body, options).catch((error: unknown) => {
          objects.overwrite(key, new Uint8Array(3))
          throw error
        }),
    }),
  ),
  brokenTarget("swallows the body's error", 'target/put/body-throws', /it succeeded/, (session) => ({
    put: async (key, body, options) => session.put(key, quietly(body), options),
  })),
  brokenTarget("replaces the body's error", 'target/put/body-throws', /not the body's error/, (session) => ({
    put: (key, body, options) =>
      session.put(key, body, options).catch(() => {
        throw new BackupError('E_TARGET_IO', 'Something failed.')
      }),
  })),
  brokenTarget('overwrites an object', 'target/put/exists', /it succeeded/, (_session, { objects }) => ({
    put: putCollected(async (key, bytes) => objects.overwrite(key, bytes)),
  })),
  brokenTarget(
    'takes an object that exists as stored',
    'target/put/exists',
    /it succeeded/,
    (session, { objects }) => ({
      put: async (key, body, options) => {
        if (objects.find(key) === undefined) await session.put(key, body, options)
      },
    }),
  ),
  brokenTarget('refuses to overwrite, after overwriting', 'target/put/exists', /byte 0 is/, (session, { objects }) => ({
    put: putCollected(async (key, bytes, options) => {
      const exists = objects.find(key) !== undefined
      if (exists) objects.overwrite(key, bytes)
      await session.put(key, once(bytes), options)
    }),
  })),
  brokenTarget('lets two writers of a key win', 'target/put/exclusive', /2 of 2 writers/, (_session, { objects }) => ({
    put: async (key, body) => {
      if (objects.find(key) !== undefined) throw new BackupError('E_OBJECT_EXISTS', 'It is there.')
      objects.overwrite(key, await collected(body))
    },
  })),
  brokenTarget('keeps the yielded buffers', 'target/put/reused-buffer', /byte 0 is 238/, (session) => ({
    put: async (key, body, options) => {
      const pieces: Uint8Array[] = []
      for await (const piece of body) pieces.push(piece)
      await session.put(key, once(Buffer.concat(pieces)), options)
    },
  })),
  brokenTarget('fails on shared memory', 'target/put/shared-memory', /shared/i, (session) => ({
    put: async (key, body, options) => {
      await session.put(key, refusingShared(body), options)
    },
  })),
  brokenTarget('stores no empty objects', 'target/put/empty', /E_OBJECT_NOT_FOUND/, (session) => ({
    put: putCollected(async (key, bytes, options) => {
      if (bytes.length > 0) await session.put(key, once(bytes), options)
    }),
  })),
  brokenTarget('needs to know the size beforehand', 'target/put/unknown-size', /byte|bytes/, (session) => ({
    put: putCollected((key, bytes, options) =>
      session.put(key, once(bytes.subarray(0, options.sizeBytes ?? 65_536)), options),
    ),
  })),
  brokenTarget('loses the last byte of odd sizes', 'target/put/round-trip', /got \d+ bytes, expected/, (session) => ({
    put: putCollected((key, bytes, { signal }) =>
      session.put(key, once(bytes.subarray(0, bytes.length & ~1)), { signal }),
    ),
  })),
  brokenTarget('ignores the announced size', 'target/put/wrong-size', /it succeeded/, (session) => ({
    put: (key, body, { signal }) => session.put(key, body, { signal }),
  })),
  brokenTarget('stores more than it declares', 'target/put/max-object', /it succeeded/, () => ({}), {
    capabilities: { maxObjectBytes: 100_000 },
  }),
  brokenTarget('shares one buffer among its puts', 'target/put/concurrent', /byte|bytes/, (session) => {
    let shared: Uint8Array = new Uint8Array(0)
    return {
      put: putCollected(async (key, bytes, { signal }) => {
        shared = bytes
        await new Promise(setImmediate)
        await session.put(key, once(shared), { signal })
      }),
    }
  }),
  brokenTarget(
    'drops the neighbours of a failed put',
    'target/put/failure-spares-others',
    /E_OBJECT_NOT_FOUND/,
    (session, { objects }) => ({
      put: (key, body, options) =>
        session.put(key, body, options).catch(async (error: unknown) => {
          const folder = key.slice(0, key.lastIndexOf('/'))
          await new Promise((resolve) => setTimeout(resolve, 50))
          for (const other of objects.keys()) if (other.startsWith(folder)) objects.drop(other)
          throw error
        }),
    }),
  ),
  brokenTarget(
    'leaves its folder for illegal keys',
    'target/keys/illegal',
    /it succeeded/,
    (_session, { objects }) => ({
      put: putCollected(async (key, bytes) => objects.overwrite(key, bytes)),
    }),
  ),
  brokenTarget(
    'takes keys that differ in case for the same',
    'target/keys/case-twins',
    /byte 0 is/,
    (_session, { objects }) => ({
      put: putCollected(async (key, bytes) => objects.overwrite(objectKey(key.toLowerCase()), bytes)),
    }),
  ),
  brokenTarget('hides keys that look temporary', 'target/keys/legal', /Listed keys/, (session) => ({
    list: async function* (prefix, options) {
      for await (const info of session.list(prefix, options)) if (!info.key.endsWith('.tmp')) yield info
    },
  })),
  {
    flaw: 'holds whole objects in memory',
    caughtBy: 'target/put/large-object',
    because: /held \d+ MiB in memory/,
    environment: () => {
      const target = memoryTarget()
      return { create: () => target }
    },
  },
]

async function* quietly(body: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  try {
    yield* body
  } catch {
    // The flaw: a body that fails looks like one that ended.
  }
}

async function* limited(body: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  let left = 200
  for await (const piece of body) {
    if (left-- === 0) return
    yield piece
  }
}

async function* refusingShared(body: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  for await (const piece of body) {
    if (piece.buffer instanceof SharedArrayBuffer) throw new TypeError('The view must not be on shared memory.')
    yield piece
  }
}
