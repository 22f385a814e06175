import { randomBytes } from 'node:crypto'
import { expect, it } from 'vitest'
import { freshRecords } from '../src/repository/fresh-records.js'
import { idWords } from '../src/repository/index-record.js'

it('finds every record again however often the table grew, and nothing else', () => {
  const table = freshRecords(8)
  const ids = Array.from({ length: 20_000 }, () => idWords(randomBytes(32), new Uint32Array(8)))
  ids.forEach((id, i) => {
    const at = table.add(id)
    table.words()[at + 8] = i
  })
  expect(table.count()).toBe(ids.length)
  const found = ids.map((id) => table.words()[table.find(id) + 8])
  expect(found).toEqual(ids.map((_, i) => i))
  const visited = new Set<number | undefined>()
  table.forEach((at) => visited.add(table.words()[at + 8]))
  expect(visited.size).toBe(ids.length)
  expect(table.find(idWords(randomBytes(32), new Uint32Array(8)))).toBe(-1)
})
