import { randomBytes } from 'node:crypto'
import { expect, it } from 'vitest'
import { remembering } from '../src/engine/remembering.js'
import { chunkHasher } from '../src/repository/chunk-id.js'

const idOf = chunkHasher({ hash: 'sha-256', idKey: randomBytes(32) })

function counting() {
  let calls = 0
  const hash = remembering((plain) => {
    calls++
    return idOf(plain)
  }, 100)
  return { hash, calls: () => calls }
}

it('gives the id that hashing gives, and hashes equal chunks once', () => {
  const { hash, calls } = counting()
  const chunks = Array.from({ length: 20 }, (_, i) => randomBytes(1000 + i))
  for (const chunk of [...chunks, ...chunks.map((chunk) => Buffer.from(chunk))]) {
    expect(hash(chunk)).toEqual(idOf(chunk))
  }
  expect(calls()).toBe(20)
})

it('takes no chunk for one that differs in a bit, or is longer', () => {
  const { hash } = counting()
  const chunk = randomBytes(4096)
  hash(chunk)
  for (let bit = 0; bit < 8 * chunk.length; bit += 61) {
    const other = Buffer.from(chunk)
    other[bit >> 3] = (other[bit >> 3] ?? 0) ^ (1 << (bit & 7))
    expect(hash(other)).toEqual(idOf(other))
  }
  const longer = Buffer.concat([chunk, Buffer.alloc(16)])
  expect(hash(longer)).toEqual(idOf(longer))
})

it('forgets rather than grows', () => {
  const { hash, calls } = counting()
  const numbered = (i: number) => Buffer.from(Uint32Array.of(i).buffer)
  for (let i = 0; i <= 100; i++) hash(numbered(i))
  expect(hash(numbered(0))).toEqual(idOf(numbered(0)))
  expect(calls()).toBe(102)
})
