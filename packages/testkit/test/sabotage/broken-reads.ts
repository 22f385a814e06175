import { BackupError, type ObjectInfo, objectKey, type TargetSession } from '@holdfast/core'
import { memoryTarget } from '../../src/memory/index.js'
import { brokenTarget } from './broken-target.js'
import type { Sabotage } from './sabotage.js'

/** Targets that read, list, remove or describe badly. */
export const brokenReads: readonly Sabotage<'target'>[] = [
  brokenTarget('loses the last byte of a range', 'target/get/ranges', /got \d+ bytes, expected/, (session) => ({
    get: (key, { range, ...options }) =>
      session.get(key, range === undefined ? options : { ...options, range: { ...range, length: range.length - 1 } }),
  })),
  brokenTarget('ignores the range', 'target/get/ranges', /got 300007 bytes, expected 1/, (session) => ({
    get: (key, { signal }) => session.get(key, { signal }),
  })),
  brokenTarget('starts a range one byte late', 'target/get/ranges', /byte 0 is/, (session, { objects }) => ({
    get: (key, { signal, range }) => {
      const last = (objects.find(key)?.bytes.length ?? 0) - (range?.length ?? 0)
      return session.get(
        key,
        range && range.offset < last
          ? { signal, range: { ...range, offset: range.offset + 1 } }
          : { signal, ...(range && { range }) },
      )
    },
  })),
  brokenTarget(
    'yields less when a range reaches past the end',
    'target/get/past-end',
    /it succeeded/,
    (session, { objects }) => ({
      get: (key, { signal, range }) => {
        const size = objects.find(key)?.bytes.length ?? 0
        const offset = Math.min(range?.offset ?? 0, size)
        return session.get(key, { signal, range: { offset, length: Math.min(range?.length ?? size, size - offset) } })
      },
    }),
  ),
  brokenTarget('swallows errors in the stream of a read', 'target/get/past-end', /it succeeded/, (session) => ({
    get: async function* (key, options) {
      try {
        yield* session.get(key, options)
      } catch {
        // The flaw: a read that fails looks like one that ended.
      }
    },
  })),
  brokenTarget(
    'reads a missing object as an empty one',
    'target/get/missing',
    /it succeeded/,
    (session, { objects }) => ({
      get: async function* (key, options) {
        if (objects.find(key) !== undefined) yield* session.get(key, options)
      },
    }),
  ),
  brokenTarget('throws foreign errors', 'target/get/missing', /not a BackupError/, (session) => ({
    get: async function* (key, options) {
      yield* mapErrors(session.get(key, options), () =>
        Object.assign(new Error('ENOENT'), { code: 'E_OBJECT_NOT_FOUND' }),
      )
    },
  })),
  brokenTarget('throws the wrong code', 'target/get/missing', /expected E_OBJECT_NOT_FOUND/, (session) => ({
    get: async function* (key, options) {
      yield* mapErrors(session.get(key, options), (cause) => new BackupError('E_TARGET_IO', 'Not found.', { cause }))
    },
  })),
  brokenTarget('reads on after an abort', 'target/get/abort', /although it was aborted/, (session) => ({
    get: (key, { range }) => session.get(key, { signal: new AbortController().signal, ...(range && { range }) }),
  })),
  brokenTarget(
    'starts although already aborted',
    'target/get/aborted-before',
    /although it was aborted/,
    (session) => ({
      remove: (key) => session.remove(key, { signal: new AbortController().signal }),
    }),
  ),
  brokenTarget(
    'loses a connection to each reader that stops early',
    'target/get/stop-early',
    /pool is empty/,
    (session) => {
      let free = 4
      return {
        get: async function* (key, options) {
          if (free-- === 0) throw new BackupError('E_TARGET_UNAVAILABLE', 'The pool is empty.')
          yield* session.get(key, options)
          free++
        },
      }
    },
  ),
  brokenTarget('mixes up concurrent reads', 'target/get/concurrent', /byte|bytes/, (session) => {
    let latest: Parameters<TargetSession['get']>[1] | undefined
    return {
      get: async function* (key, options) {
        latest = options
        await new Promise(setImmediate)
        yield* session.get(key, latest)
      },
    }
  }),
  brokenTarget('keeps to the memory that a reader gave first', 'target/get/memory', /byte 0 is/, (session) => ({
    get: async function* (key, { memory, ...options }) {
      const first = memory?.()
      for await (const part of session.get(key, options)) {
        if (first === undefined) yield part
        else {
          for (let at = 0; at < part.length; at += first.length) {
            const piece = part.subarray(at, at + first.length)
            first.set(piece)
            yield first.subarray(0, piece.length)
          }
        }
      }
    },
  })),
  brokenTarget('says less than it wrote to given memory', 'target/get/memory', /got \d+ bytes/, (session) => ({
    get: async function* (key, { memory, ...options }) {
      for await (const part of session.get(key, options)) yield memory === undefined ? part : part.subarray(0, -1)
    },
  })),
  brokenTarget('stat throws for a missing object', 'target/stat/missing', /There is no object/, (session) => ({
    stat: async (key, options) => {
      const info = await session.stat(key, options)
      if (info === undefined) throw new BackupError('E_OBJECT_NOT_FOUND', 'There is no object.')
      return info
    },
  })),
  brokenTarget('stat finds folders', 'target/stat/missing', /stat of 'folder'/, (session, { objects }) => ({
    stat: async (key, options) => {
      const inside = objects.keys().find((other) => other.startsWith(`${key}/`))
      return (await session.stat(key, options)) ?? (inside && { key, sizeBytes: 4096, modifiedAt: new Date() })
    },
  })),
  brokenTarget('stat tells the size on disk', 'target/stat/describes', /Key and size/, (session) => ({
    stat: async (key, options) => {
      const info = await session.stat(key, options)
      return info && { ...info, sizeBytes: Math.ceil(info.sizeBytes / 4096) * 4096 }
    },
  })),
  brokenTarget('stat tells no time', 'target/stat/describes', /more than a day off/, (session) => ({
    stat: async (key, options) => {
      const info = await session.stat(key, options)
      return info && { ...info, modifiedAt: new Date(0) }
    },
  })),
  brokenTarget('list skips one object a page', 'target/list/exactly-once', /Listed keys/, (session) => ({
    list: (prefix, options) => changed(session.list(prefix, options), (info, at) => (at % 20 === 19 ? [] : [info])),
  })),
  brokenTarget('list repeats one object a page', 'target/list/exactly-once', /Listed keys/, (session) => ({
    list: (prefix, options) =>
      changed(session.list(prefix, options), (info, at) => (at % 20 === 19 ? [info, info] : [info])),
  })),
  brokenTarget('list stops after the first page', 'target/list/exactly-once', /Listed keys/, (session) => ({
    list: (prefix, options) => changed(session.list(prefix, options), (info, at) => (at < 20 ? [info] : [])),
  })),
  brokenTarget('list tells wrong sizes', 'target/list/exactly-once', /list says 0 bytes/, (session) => ({
    list: (prefix, options) => changed(session.list(prefix, options), (info) => [{ ...info, sizeBytes: 0 }]),
  })),
  brokenTarget('list takes the prefix for a folder', 'target/list/prefix', /Prefix 'a'/, (session) => ({
    list: (prefix, options) =>
      changed(session.list(prefix, options), (info) =>
        prefix === '' || prefix.endsWith('/') || info.key === prefix || info.key.startsWith(`${prefix}/`) ? [info] : [],
      ),
  })),
  brokenTarget(
    'list starts over when something is stored',
    'target/list/while-writing',
    /listed twice/,
    (session, { objects }) => ({
      list: async function* (prefix, options) {
        const before = objects.keys().length
        for await (const info of session.list(prefix, options)) {
          yield info
          if (objects.keys().length !== before) {
            yield* session.list(prefix, options)
            return
          }
        }
      },
    }),
  ),
  brokenTarget(
    'list throws for a folder that is not there',
    'target/list/none',
    /no such folder/,
    (session, { objects }) => ({
      list: async function* (prefix, options) {
        if (!objects.keys().some((key) => key.startsWith(prefix)))
          throw new BackupError('E_TARGET_IO', 'There is no such folder.')
        yield* session.list(prefix, options)
      },
    }),
  ),
  brokenTarget(
    'remove throws for a missing object',
    'target/remove/twice',
    /Nothing to remove/,
    (session, { objects }) => ({
      remove: async (key, options) => {
        if (objects.find(key) === undefined) throw new BackupError('E_OBJECT_NOT_FOUND', 'Nothing to remove.')
        await session.remove(key, options)
      },
    }),
  ),
  brokenTarget('remove does nothing', 'target/remove/gone', /stat still finds it/, () => ({
    remove: async () => undefined,
  })),
  brokenTarget('remove takes neighbours along', 'target/remove/gone', /Keys afterwards/, (_session, { objects }) => ({
    remove: async (key) => {
      for (const other of objects.keys()) if (other.startsWith(key)) objects.drop(other)
    },
  })),
  brokenTarget(
    'declares a facet that is not there',
    'target/facets/as-declared',
    /capacity is declared true/,
    () => ({}),
    {
      capabilities: { capacity: true },
    },
  ),
  brokenTarget(
    'has a facet that it does not declare',
    'target/facets/as-declared',
    /ordering is declared false/,
    () => ({
      ordering: { order: async (keys) => keys },
    }),
  ),
  brokenTarget(
    'forgets a lock',
    'target/immutability/locks',
    /it succeeded/,
    () => ({ immutability: { retainUntil: async () => undefined } }),
    {
      immutability: true,
    },
  ),
  brokenTarget('promises a lock that it cannot keep', 'target/immutability/undeclared', /it succeeded/, (session) => ({
    put: (key, body, { signal }) => session.put(key, body, { signal }),
  })),
  brokenTarget(
    'removes what it says it keeps',
    'target/remove/undeclared',
    /it succeeded/,
    () => ({
      remove: async () => undefined,
    }),
    { removes: false },
  ),
  brokenTarget(
    'forgets to sync',
    'target/sync/kept',
    /Of 3 objects that were synced 0 are left/,
    () => ({
      sync: async () => undefined,
    }),
    { sync: true },
  ),
  brokenTarget(
    'loses a key when ordering',
    'target/ordering/permutation',
    /ordered keys/,
    () => ({
      ordering: { order: async (keys) => keys.slice(1) },
    }),
    { ordering: true },
  ),
  brokenTarget(
    'tells more free than there is',
    'target/capacity/plausible',
    /Capacity is 2 free of 1/,
    () => ({
      capacity: { capacity: async () => ({ totalBytes: 1, freeBytes: 2 }) },
    }),
    { capacityBytes: 2 ** 30 },
  ),
  brokenTarget('keeps a store for each session', 'target/sessions/see-each-other', /E_OBJECT_NOT_FOUND/, (session) => {
    const own = new Set<string>()
    return {
      put: async (key, body, options) => {
        await session.put(key, body, options)
        own.add(key)
      },
      get: (key, options) => session.get(own.has(key) ? key : objectKey('nothing'), options),
    }
  }),
  brokenTarget(
    'forgets its objects when disposed',
    'target/sessions/reopen',
    /E_OBJECT_NOT_FOUND/,
    (_session, { objects }) => ({
      [Symbol.asyncDispose]: async () => {
        for (const key of objects.keys()) objects.drop(key)
      },
    }),
  ),
  brokenTarget('cannot be disposed twice', 'target/sessions/dispose-twice', /already closed/, () => {
    let closed = false
    return {
      [Symbol.asyncDispose]: async () => {
        if (closed) throw new BackupError('E_TARGET_IO', 'It is already closed.')
        closed = true
      },
    }
  }),
  {
    flaw: 'opens although aborted',
    caughtBy: 'target/sessions/open-aborted',
    because: /although it was aborted/,
    environment: () => {
      const target = memoryTarget()
      const open: typeof target.open = (context) => target.open({ ...context, signal: new AbortController().signal })
      return { create: () => Object.freeze({ ...target, open }) }
    },
  },
  {
    flaw: 'changes its capabilities',
    caughtBy: 'target/capabilities/constant',
    because: /second object/,
    environment: () => {
      let made = 0
      return { create: () => memoryTarget({ maxObjectBytes: ++made * 1_000_000 }) }
    },
  },
]

async function* changed(
  list: AsyncIterable<ObjectInfo>,
  change: (info: ObjectInfo, at: number) => readonly ObjectInfo[],
): AsyncGenerator<ObjectInfo> {
  let at = 0
  for await (const info of list) yield* change(info, at++)
}

async function* mapErrors<T>(stream: AsyncIterable<T>, map: (error: unknown) => Error): AsyncGenerator<T> {
  try {
    yield* stream
  } catch (error) {
    throw map(error)
  }
}
