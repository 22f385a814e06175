import { tmpdir } from 'node:os'
import { objectKey, type TargetSession } from '@holdfast/core'
import { expect, test } from 'vitest'
import { type MemoryTarget, memoryTarget } from '../src/memory/index.js'
import { testContext } from '../src/test-context.js'

const call = { signal: new AbortController().signal }

async function opened(target: MemoryTarget): Promise<TargetSession> {
  return target.open(testContext({ tempDir: tmpdir() }))
}

async function put(session: TargetSession | undefined, name: string, isBulk = true): Promise<void> {
  async function* body() {
    yield new Uint8Array(100)
  }
  await session?.put(objectKey(name), body(), { ...call, isBulk })
}

async function read(session: TargetSession, name: string): Promise<number> {
  let length = 0
  for await (const part of session.get(objectKey(name), call)) length += part.length
  return length
}

test('a session goes on with the newest set, or begins one of its own', async () => {
  for (const [allocation, wanted] of [
    ['continue', [['a', 'b']]],
    ['new', [['a'], ['b']]],
  ] as const) {
    const target = memoryTarget({ sets: true, allocation })
    await using session = await opened(target)
    await put(await session.sets?.write(call), 'a')
    await put(await session.sets?.write(call), 'b')
    expect(target.mediaSets().map(({ objects }) => objects.keys())).toEqual(wanted)
  }
})

test('a set is kept for as long as any of its writers asked, and for good when one asked for nothing', async () => {
  const target = memoryTarget({ sets: true })
  await using session = await opened(target)
  const asked = [new Date(2_000), new Date(1_000), new Date(3_000), undefined, new Date(4_000)]
  const kept: (Date | undefined)[] = []
  for (const [at, keepUntil] of asked.entries()) {
    await put(await session.sets?.write({ ...call, ...(keepUntil && { keepUntil }) }), `object-${at}`)
    kept.push(target.mediaSets()[0]?.keepUntil)
  }
  expect(kept).toEqual([new Date(2_000), new Date(2_000), new Date(3_000), undefined, undefined])
})

test('bulk objects fill media one after another; those on a medium that is away cannot be read', async () => {
  const target = memoryTarget({ sets: true, media: true, mediumBytes: 250 })
  await using session = await opened(target)
  for (const name of ['a', 'b', 'c', 'd', 'e']) await put(session, name)
  await put(session, 'small', false)
  target.media.takeAway('MEM002', 'vault 2')
  const names = ['a', 'b', 'c', 'd', 'e', 'small'].map((name) => objectKey(name))
  const needed = await session.media?.needed([...names].reverse(), call)
  expect(needed).toEqual([
    { name: 'MEM001', isOnline: true, location: undefined, keys: ['a', 'b'] },
    { name: 'MEM002', isOnline: false, location: 'vault 2', keys: ['c', 'd'] },
    { name: 'MEM003', isOnline: true, location: undefined, keys: ['e'] },
  ])
  await expect(read(session, 'c')).rejects.toMatchObject({ code: 'E_MEDIA_NEEDED' })
  expect(await read(session, 'e')).toBe(100)
  expect(await read(session, 'small')).toBe(100)
  target.media.bringBack('MEM002')
  expect(await read(session, 'c')).toBe(100)
})

test('each set has media of its own', async () => {
  const target = memoryTarget({ sets: true, media: true, allocation: 'new' })
  await using session = await opened(target)
  for (const name of ['a', 'b']) await put(await session.sets?.write(call), name)
  const sets = await session.sets?.list(call)
  expect(sets?.map(({ media }) => media.map(({ name }) => name))).toEqual([['MEM001'], ['MEM002']])
})

test('what sets opened ends with the session that they belong to', async () => {
  const target = memoryTarget({ sets: true, sync: true })
  {
    await using session = await opened(target)
    await put(await session.sets?.write(call), 'unsynced')
  }
  expect(target.mediaSets()).toEqual([])
})
