import { expect, test } from 'vitest'
import { objectKey } from '../src/contract/object-key.js'
import { objectInMemory } from '../src/repository/object-in-memory.js'
import { readObject, readRange } from '../src/repository/object-reader.js'
import { memoryStore } from './support/memory-store.js'

const call = { signal: new AbortController().signal }
const key = objectKey('packs/one')
const other = objectKey('packs/two')

test('ranges of the part that is held are read from memory, others from nowhere, other objects from the target', async () => {
  const { store } = memoryStore()
  await store.put(other, [Buffer.from('as it is stored')], call)
  let read = 0
  const bytes = Uint8Array.from({ length: 50 }, (_, i) => i)
  const view = objectInMemory(store, { key, offset: 1000, bytes }, () => {
    read++
  })
  const into = new Uint8Array(10)
  await readRange(view, key, 1040, into, call)
  expect([...into]).toEqual([40, 41, 42, 43, 44, 45, 46, 47, 48, 49])
  await readRange(view, key, 1000, into, call)
  expect(into[0]).toBe(0)
  expect(read).toBe(2)
  for (const offset of [999, 1041, 0]) {
    await expect(readRange(view, key, offset, into, call)).rejects.toMatchObject({
      code: 'E_DAMAGED',
      context: { object: key },
    })
  }
  expect((await readObject(view, other, 100, call)).toString()).toBe('as it is stored')
})
