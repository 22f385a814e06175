import { resolve } from 'node:path'
import {
  type CallOptions,
  defineTarget,
  type GetOptions,
  type ObjectInfo,
  type ObjectKey,
  objectKey,
  type PluginContext,
  type PluginModule,
  type PutOptions,
  parseOptions,
  type TargetSession,
  untilAborted,
} from '@holdfast/core'
import { type ObjectTable, openObjectTable, type StoredObject } from '#object-table'
import { type SqliteTargetOptions, sqliteTargetOptions } from '#options'
import { failure, translating, type Where } from '#sqlite-errors'

// What this target can do beyond the defaults: a primary key lets one of two writers win.
const capabilities = { exclusiveCreate: true, maxConcurrency: 2 } as const

/** Keeps all objects of a repository in one SQLite file. */
export function sqliteTarget(options: SqliteTargetOptions) {
  const { path } = parseOptions('target', 'sqlite', sqliteTargetOptions, options)
  return defineTarget({
    id: 'sqlite',
    capabilities,
    open: async (context: PluginContext) => {
      context.signal.throwIfAborted()
      const file = resolve(context.baseDir, path)
      const table = translating({ operation: 'open', subject: file }, () => openObjectTable(file))
      return sqliteSession(table, context)
    },
  })
}

/** Lets a config write `use: './sqlite-target.ts'`. */
export const plugin: PluginModule<SqliteTargetOptions> = {
  kind: 'target',
  id: 'sqlite',
  options: sqliteTargetOptions,
  create: (options) => sqliteTarget(options),
}

function sqliteSession(table: ObjectTable, context: PluginContext): TargetSession {
  return {
    put: (key, body, options) => put(table, context, key, body, options),
    get: (key, options) => get(table, key, options),
    stat: async (key, { signal }) => {
      signal.throwIfAborted()
      const object = translating({ operation: 'stat', subject: key }, () => table.find(key))
      return object && infoOf(object)
    },
    list: (prefix, options) => list(table, prefix, options),
    remove: async (key, { signal }) => {
      signal.throwIfAborted()
      translating({ operation: 'remove', subject: key }, () => table.remove(key))
    },
    [Symbol.asyncDispose]: async () => table.close(),
  }
}

async function put(
  table: ObjectTable,
  { randomBytes, clock }: PluginContext,
  key: ObjectKey,
  body: AsyncIterable<Uint8Array>,
  { signal, sizeBytes, retainUntil }: PutOptions,
): Promise<void> {
  const where: Where = { operation: 'put', subject: objectKey(key) }
  if (retainUntil !== undefined) {
    throw failure(where, 'this target cannot lock objects', ['E_UNSUPPORTED', 'never', 'Use one that can.'])
  }
  const upload = Buffer.from(randomBytes(16)).toString('hex')
  try {
    let received = 0
    for await (const piece of untilAborted(body, signal)) {
      // The piece may be shared memory, which SQLite does not take; slice() copies it out.
      translating(where, () => table.addPiece(upload, received, piece.slice()))
      received += piece.length
    }
    if (sizeBytes !== undefined && sizeBytes !== received) {
      const hint = 'This is a defect of the host.'
      throw failure(where, `${sizeBytes} bytes were announced, ${received} came`, ['E_TARGET_IO', 'never', hint])
    }
    const modifiedMs = clock.now().getTime()
    translating(where, () => table.publish({ key, upload, sizeBytes: received, modifiedMs }))
  } catch (error) {
    translating(where, () => table.dropPieces(upload))
    throw error
  }
}

async function* get(table: ObjectTable, key: ObjectKey, { signal, range }: GetOptions): AsyncGenerator<Uint8Array> {
  signal.throwIfAborted()
  const where: Where = { operation: 'get', subject: key }
  const object = translating(where, () => table.find(key))
  if (object === undefined) {
    throw failure(where, 'there is no such object', ['E_OBJECT_NOT_FOUND', 'never', 'Run verify.'])
  }
  const { offset, length } = range ?? { offset: 0, length: object.sizeBytes }
  const end = offset + length
  const hint = 'Run verify, and repair from another copy.'
  if (end > object.sizeBytes) throw failure(where, 'it is shorter than that', ['E_DAMAGED', 'never', hint])
  for (let at = offset; at < end; ) {
    signal.throwIfAborted()
    const piece = translating(where, () => table.pieceAt(object.upload, at))
    const bytes = piece?.bytes.subarray(at - piece.start, end - piece.start) ?? new Uint8Array(0)
    if (bytes.length === 0) throw failure(where, `byte ${at} is missing`, ['E_DAMAGED', 'never', hint])
    yield bytes
    at += bytes.length
  }
}

async function* list(table: ObjectTable, prefix: string, { signal }: CallOptions): AsyncGenerator<ObjectInfo> {
  const where: Where = { operation: 'list', subject: `'${prefix}'` }
  for (let after = ''; ; ) {
    signal.throwIfAborted()
    const page = translating(where, () => table.page(prefix, after))
    for (const object of page) yield infoOf(object)
    const last = page.at(-1)
    if (last === undefined) return
    after = last.key
  }
}

function infoOf({ key, sizeBytes, modifiedMs }: StoredObject): ObjectInfo {
  return { key: objectKey(key), sizeBytes, modifiedAt: new Date(modifiedMs) }
}
