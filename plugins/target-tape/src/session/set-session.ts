import { createHash } from 'node:crypto'
import {
  type CallOptions,
  type ObjectInfo,
  type ObjectKey,
  objectKey,
  type PutOptions,
  type TargetSession,
} from '@holdfast/core'
import type { KnownObject, KnownSet } from '../catalog/known.js'
import { tapeError } from '../drive/drive-errors.js'
import type { TapeLibrary } from '../library/tape-library.js'
import { type SetReader, setReader } from '../reading/set-reader.js'
import { askForMedia } from '../writing/ask-for-media.js'
import { cartridgeSupply } from '../writing/cartridge-supply.js'
import type { ObjectFacts } from '../writing/held-object.js'
import { type SetWriter, setWriter } from '../writing/set-writer.js'
import { collected } from './collected.js'
import { digestThread } from './digest-thread.js'
import { mediaFacet } from './media-facet.js'
import { type Lent, objectMemory } from './object-memory.js'
import type { TapeSite } from './tape-site.js'

/** Objects are kept in memory until it is known where they came to lie. */
export const maxObjectBytes = 48 * 2 ** 20

/** Bytes that may be in memory for a drive: a pack that is written, and the next. */
const queueBytes = 40 * 2 ** 20

/** Opens a set. `isWritable`: it takes objects, and is made when the first one comes. */
export function setSession(site: TapeSite, set: KnownSet, isWritable: boolean): TargetSession {
  const { catalog, cache, clock } = site
  /** Taken, and not yet known to be on tape. */
  const pending = new Map<string, ObjectFacts>()
  /** Those of them that the writer has. */
  const handed = new Set<string>()
  const memory = objectMemory()
  const digests = digestThread()
  let writer: SetWriter | undefined
  let reader: SetReader | undefined
  let claim: Disposable | undefined
  let reading: Promise<unknown> = Promise.resolve()

  const find = (key: string): ObjectFacts | KnownObject | undefined => pending.get(key) ?? catalog.object(set.id, key)

  const theWriter = async (): Promise<SetWriter> => {
    const library = await site.library()
    const { pool, mayTake, waitMs, askCommand: command, fileBytes } = site.settings
    const asking = askForMedia({ waitMs, command, clock, logger: site.logger })
    // Whatever the reader left in a drive must not be waited for.
    const shared: TapeLibrary = {
      ...library,
      mount: (...wanted) => {
        reading = reading.then(() => reader?.letGo())
        return library.mount(...wanted)
      },
    }
    const supply = cartridgeSupply({ ...site, library: shared, pool, mayTake, askForMedia: asking })
    const onFirst = () => {
      claim ??= site.claims.take(`pool-${pool}`)
      if (claim === undefined) throw poolBusy(pool)
    }
    writer ??= setWriter({ ...site, library: shared, supply, set: () => set, fileBytes, queueBytes, onFirst })
    return writer
  }

  const synced = async (work: (of: SetWriter) => Promise<void>): Promise<void> => {
    if (writer === undefined) return
    const taken = [...handed]
    try {
      await work(writer)
    } finally {
      // What of these is not in the catalog now is lost, and the writer says so to whoever comes next.
      for (const key of taken) {
        handed.delete(key)
        pending.delete(key)
      }
    }
  }

  const bulk = async function* (object: KnownObject, offset: number, length: number, options: CallOptions) {
    const mine = Promise.withResolvers<void>()
    const before = reading
    reading = mine.promise
    try {
      await before
      // The writer may want the drive first, to write what it has.
      if (pending.size > 0) await reader?.letGo()
      await synced((of) => of.letGo())
      reader ??= setReader({ library: await site.library(), catalog })
      yield* reader.read(object, offset, length, options)
    } finally {
      mine.resolve()
    }
  }

  const lookup = async (object: ObjectFacts | KnownObject, options: CallOptions): Promise<void> => {
    if (await cache.has(object.sha256, object.sizeBytes)) return
    await synced((of) => of.sync())
    const known = catalog.object(set.id, object.key)
    if (known === undefined) throw notFound(object.key)
    const content = (await collected(bulk(known, 0, known.sizeBytes, options), known.sizeBytes, memory, options)).bytes
    if (sha256Of(content) !== known.sha256) throw altered(known)
    await cache.put(known.sha256, content)
  }

  /** A range of what is read to find others. Who reads all of it gets what was put, whatever became of the copy at hand. */
  const atHand = async (
    object: ObjectFacts | KnownObject,
    offset: number,
    length: number,
    options: CallOptions,
  ): Promise<Uint8Array> => {
    await lookup(object, options)
    const isRight = (content: Uint8Array) => length < object.sizeBytes || sha256Of(content) === object.sha256
    const content = await cache.read(object.sha256, offset, length)
    if (content !== undefined && isRight(content)) return content
    await cache.drop(object.sha256)
    await lookup(object, options)
    const again = await cache.read(object.sha256, offset, length)
    if (again === undefined || !isRight(again)) throw altered(object)
    return again
  }

  return {
    put: async (key, body, options) => {
      objectKey(key)
      options.signal.throwIfAborted()
      if (!isWritable) throw readOnly(set.id)
      if (options.retainUntil !== undefined) throw noLocks()
      if (find(key) !== undefined) throw exists(key)
      if ((options.sizeBytes ?? 0) > maxObjectBytes) throw tooLarge(key, options.sizeBytes ?? 0)
      const taking = await theWriter()
      let reserved = options.sizeBytes === undefined ? undefined : await taking.reserve(options.sizeBytes, options)
      let lent: Lent | undefined
      let facts: ObjectFacts | undefined
      try {
        lent = await collected(body, options.sizeBytes, memory, options)
        const { bytes: content, release } = lent
        if (content.length > maxObjectBytes) throw tooLarge(key, content.length)
        reserved ??= await taking.reserve(content.length, options)
        facts = factsOf(key, content.length, await digests.sha256(content), clock.now(), options)
        if (find(key) !== undefined) throw exists(key)
        pending.set(key, facts)
        if (facts.isLookup) await cache.put(facts.sha256, content)
        reserved.put({ facts, content, release })
        handed.add(key)
      } catch (error) {
        if (facts !== undefined && pending.get(key) === facts) pending.delete(key)
        reserved?.abandon()
        lent?.release()
        throw error
      }
    },
    get: async function* (key, options) {
      objectKey(key)
      options.signal.throwIfAborted()
      const object = find(key)
      if (object === undefined) throw notFound(key)
      const { offset, length } = options.range ?? { offset: 0, length: object.sizeBytes }
      if (offset + length > object.sizeBytes) throw shorter(object, offset + length)
      if (object.isLookup) {
        const content = await atHand(object, offset, length, options)
        if (content.length > 0) yield content
        return
      }
      await synced((of) => of.sync())
      const known = catalog.object(set.id, key)
      if (known === undefined) throw notFound(key)
      yield* bulk(known, offset, length, options)
    },
    stat: async (key, { signal }) => {
      objectKey(key)
      signal.throwIfAborted()
      const object = find(key)
      return object === undefined ? undefined : infoOf(object)
    },
    list: async function* (prefix, { signal }) {
      signal.throwIfAborted()
      const early = [...pending.values()]
      const listed = new Set<string>()
      for (const object of early) {
        if (!object.key.startsWith(prefix)) continue
        listed.add(object.key)
        yield infoOf(object)
      }
      for (const object of catalog.objects(set.id, prefix)) if (!listed.has(object.key)) yield infoOf(object)
    },
    remove: async () => {
      throw tapeError('E_UNSUPPORTED', 'Nothing is removed from tape: a set goes as a whole when it has expired.', {
        operation: 'target.remove',
      })
    },
    sync: async ({ signal }) => {
      signal.throwIfAborted()
      await synced((of) => of.sync())
    },
    ...mediaFacet(site, set.id, (key) => pending.has(key)),
    [Symbol.asyncDispose]: async () => {
      const [oldWriter, oldReader] = [writer, reader]
      writer = undefined
      reader = undefined
      await oldReader?.letGo()
      await oldWriter?.close()
      await digests.close()
      pending.clear()
      claim?.[Symbol.dispose]()
      claim = undefined
      if (oldWriter !== undefined) logFigures(site, oldWriter)
    },
  }
}

function factsOf(
  key: ObjectKey,
  sizeBytes: number,
  sha256: string,
  storedAt: Date,
  { isBulk = false }: PutOptions,
): ObjectFacts {
  // Tape knows seconds.
  const wholeSeconds = new Date(Math.floor(storedAt.getTime() / 1000) * 1000)
  return { key, sizeBytes, sha256, storedAt: wholeSeconds, isLookup: !isBulk }
}

function sha256Of(content: Uint8Array): string {
  return createHash('sha256').update(content).digest('hex')
}

function infoOf({ key, sizeBytes, storedAt }: ObjectFacts): ObjectInfo {
  return { key: objectKey(key), sizeBytes, modifiedAt: storedAt }
}

function logFigures({ logger }: TapeSite, writer: SetWriter): void {
  const { writtenBytes, durationMs, stops } = writer.figures()
  const rate = durationMs === 0 ? 0 : Math.round(writtenBytes / 2 ** 20 / (durationMs / 1000))
  logger.info(`wrote ${Math.round(writtenBytes / 2 ** 20)} MiB to tape at ${rate} MiB/s, with ${stops} stops`, {
    writtenBytes,
    stops,
  })
}

function exists(key: string): Error {
  return tapeError('E_OBJECT_EXISTS', `${key} is there already.`, { operation: 'target.put', context: { object: key } })
}

function notFound(key: string): Error {
  return tapeError('E_OBJECT_NOT_FOUND', `There is no ${key} in this set.`, {
    operation: 'target.get',
    context: { object: key },
    hint: "If a cartridge has it that is not known here, run 'holdfast tape catalog --rebuild'.",
  })
}

function shorter({ key, sizeBytes }: { readonly key: string; readonly sizeBytes: number }, end: number): Error {
  return tapeError('E_DAMAGED', `${key} has ${sizeBytes} bytes, byte ${end} was asked for.`, {
    operation: 'target.get',
    context: { object: key },
  })
}

function altered({ key }: { readonly key: string }): Error {
  return tapeError('E_DAMAGED', `${key} is damaged: its digest is another.`, {
    operation: 'target.get',
    context: { object: key },
    hint: 'Restore from another copy.',
  })
}

function tooLarge(key: string, sizeBytes: number): Error {
  return tapeError('E_TARGET_IO', `${key} has ${sizeBytes} bytes, tape takes at most ${maxObjectBytes} at once.`, {
    operation: 'target.put',
    context: { object: key },
  })
}

function readOnly(set: string): Error {
  return tapeError('E_TARGET_READ_ONLY', `Set ${set} was opened for reading.`, { operation: 'target.put' })
}

function noLocks(): Error {
  return tapeError('E_UNSUPPORTED', 'Tape locks no single object: a set is kept as a whole.', {
    operation: 'target.put',
    hint: 'Say with keep how long sets are kept.',
  })
}

function poolBusy(pool: string): Error {
  return tapeError('E_REPOSITORY_BUSY', `Another process writes to pool ${pool}.`, {
    operation: 'target.put',
    context: { pool },
    hint: 'Wait until it has ended.',
  })
}
