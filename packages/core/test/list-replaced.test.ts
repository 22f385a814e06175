import { expect, test } from 'vitest'
import type { ObjectKey } from '../src/model/ids.js'
import { createChunkIndex, type IndexRun } from '../src/repository/chunk-index.js'
import { condemn, listCondemned } from '../src/repository/condemned.js'
import type { EnvelopeContext } from '../src/repository/envelope.js'
import { idWords, indexRecordWords, writePlace } from '../src/repository/index-record.js'
import { loadIndex, storeIndexRun } from '../src/repository/index-store.js'
import { listReplaced } from '../src/repository/list-replaced.js'
import { liveWriters } from '../src/repository/writer-lease.js'
import { memoryStore } from './support/memory-store.js'

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

test('an index object that takes the place of another is not missed together with it', async () => {
  const replacements: (() => Promise<void>)[] = []
  const { store } = memoryStore({ whileListing: () => replacements.shift()?.() })
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
  const { store } = memoryStore({ whileListing: () => replacements.shift()?.() })
  const notice = await condemn(store, envelope, ['aa'], undefined, call)
  replacements.push(async () => {
    await condemn(store, envelope, ['aa'], ['w'], call)
    await store.remove(notice.key, call)
  })
  expect(await listCondemned(store, envelope, call)).toMatchObject([{ packs: ['aa'], writers: ['w'] }])
})

test('a writer that renews its lease meanwhile is alive', async () => {
  const replacements: (() => Promise<void>)[] = []
  const { store } = memoryStore({ whileListing: () => replacements.shift()?.() })
  const lease = Buffer.from(JSON.stringify({ id: 'w', role: 'writer', host: 'elsewhere' }))
  await store.put('writers/w-0' as ObjectKey, [lease], call)
  replacements.push(async () => {
    await store.put('writers/w-1' as ObjectKey, [lease], call)
    await store.remove('writers/w-0' as ObjectKey, call)
  })
  expect([...(await liveWriters(store, call))]).toEqual([['w', 'writer']])
})

test('what is replaced while the listing is made sure of is not missed either', async () => {
  const [a, b] = ['index/a', 'index/b']
  const replacements = [() => replace(a), () => replace(b)]
  const { store } = memoryStore({ whileListing: () => replacements.shift()?.() })
  const replace = async (key: string) => {
    await store.put(`${key}-2` as ObjectKey, [Buffer.from('new')], call)
    await store.remove(key as ObjectKey, call)
  }
  for (const key of [a, b]) await store.put(key as ObjectKey, [Buffer.from('old')], call)
  expect((await listReplaced(store, 'index/', call)).map(({ key }) => key)).toEqual(['index/a-2', 'index/b-2'])
})
