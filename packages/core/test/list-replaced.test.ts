import { expect, test } from 'vitest'
import { BackupError } from '../src/contract/errors.js'
import type { ObjectKey } from '../src/model/ids.js'
import { createChunkIndex, type IndexRun } from '../src/repository/chunk-index.js'
import { condemn, listCondemned } from '../src/repository/condemned.js'
import type { EnvelopeContext } from '../src/repository/envelope.js'
import { idWords, indexRecordWords, writePlace } from '../src/repository/index-record.js'
import { loadIndex, storeIndexRun } from '../src/repository/index-store.js'
import type { ObjectStore } from '../src/repository/object-store.js'
import { liveWriters } from '../src/repository/writer-lease.js'

const call = { signal: new AbortController().signal }
let serial = 0
const envelope: EnvelopeContext = {
  repositoryId: 'r',
  keyring: undefined,
  randomBytes: (size) => Buffer.alloc(size, ++serial),
}

function oneChunk(id: Uint8Array): IndexRun {
  const records = new Uint32Array(indexRecordWords)
  idWords(id, records)
  writePlace(records, 0, { pack: 0, frameOffset: 16, frameBytes: 10, plainOffset: 0, plainBytes: 5 })
  return { packs: [{ id: '0'.repeat(32), kind: 'data', sizeBytes: 1000, dataKeyId: '', chain: [] }], records }
}

/**
 * A store whose next listings each run while objects are replaced: after a listing has looked for new names, and before it
 * has asked what the old ones are. It shows neither, as a folder that is read and whose files are then described.
 */
function storeWith(replacements: (() => Promise<void>)[]): ObjectStore {
  const objects = new Map<string, Buffer>()
  const store: Pick<ObjectStore, 'put' | 'get' | 'list' | 'remove'> = {
    put: async (key, parts) => void objects.set(key, Buffer.concat(parts)),
    get: async function* (key) {
      const bytes = objects.get(key)
      if (bytes === undefined) throw new BackupError('E_OBJECT_NOT_FOUND', key)
      yield bytes
    },
    list: async (prefix) => {
      const names = [...objects.keys()].filter((key) => key.startsWith(prefix))
      await replacements.shift()?.()
      return names.flatMap((key) => {
        const bytes = objects.get(key)
        if (bytes === undefined) return []
        return [{ key: key as ObjectKey, sizeBytes: bytes.byteLength, modifiedAt: new Date() }]
      })
    },
    remove: async (key) => void objects.delete(key),
  }
  return { capabilities: { maxConcurrency: 4 }, ...store } as ObjectStore
}

test('an index object that takes the place of another is not missed together with it', async () => {
  const replacements: (() => Promise<void>)[] = []
  const store = storeWith(replacements)
  const run = oneChunk(new Uint8Array(32).fill(7))
  const [old] = await storeIndexRun(store, envelope, run, call)
  replacements.push(async () => {
    await storeIndexRun(store, envelope, run, call)
    await store.remove(old as ObjectKey, call)
  })
  const index = createChunkIndex()
  const keys = await loadIndex(store, envelope, index, (_, error) => expect.fail(String(error)), call)
  expect(index.find(new Uint8Array(32).fill(7))).toMatchObject({ plainBytes: 5 })
  expect(keys).not.toContain(old)
})

test('a judgement that takes the place of a notice is not missed together with it', async () => {
  const replacements: (() => Promise<void>)[] = []
  const store = storeWith(replacements)
  const notice = await condemn(store, envelope, ['aa'], undefined, call)
  replacements.push(async () => {
    await condemn(store, envelope, ['aa'], ['w'], call)
    await store.remove(notice.key, call)
  })
  expect(await listCondemned(store, envelope, call)).toMatchObject([{ packs: ['aa'], writers: ['w'] }])
})

test('a writer that renews its lease meanwhile is alive', async () => {
  const replacements: (() => Promise<void>)[] = []
  const store = storeWith(replacements)
  const lease = Buffer.from(JSON.stringify({ id: 'w', role: 'writer', host: 'elsewhere' }))
  await store.put('writers/w-0' as ObjectKey, [lease], call)
  replacements.push(async () => {
    await store.put('writers/w-1' as ObjectKey, [lease], call)
    await store.remove('writers/w-0' as ObjectKey, call)
  })
  expect([...(await liveWriters(store, call))]).toEqual([['w', 'writer']])
})
