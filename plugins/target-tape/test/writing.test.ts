import { randomBytes } from 'node:crypto'
import { objectKey, type TargetSession } from '@holdfast/core'
import { describe, expect, it } from 'vitest'
import { simulatedSite } from './support/simulated-site.js'

const call = { signal: new AbortController().signal }
const mebibyte = 2 ** 20

async function* bodyOf(bytes: Uint8Array) {
  yield bytes
}

async function put(session: TargetSession, name: string, bytes: Uint8Array): Promise<void> {
  await session.put(objectKey(name), bodyOf(bytes), {
    ...call,
    sizeBytes: bytes.length,
    isBulk: name.startsWith('packs/'),
  })
}

async function get(session: TargetSession, name: string): Promise<Buffer> {
  const parts: Uint8Array[] = []
  for await (const part of session.get(objectKey(name), call)) parts.push(part.slice())
  return Buffer.concat(parts)
}

describe.each([
  ['by the standards', []],
  ['as tgtd is', ['tgtd'] as const],
])('a set on drives that behave %s', (_, quirks) => {
  it('goes over as many cartridges as it takes', async () => {
    const site = simulatedSite(
      [6, 6, 6, 6].map((size) => size * mebibyte),
      { quirks },
    )
    const objects = Array.from({ length: 14 }, (_, at) => [`packs/00/${at}`, randomBytes(mebibyte)] as const)
    {
      await using session = await site.open()
      for (const [name, bytes] of objects) await put(session, name, bytes)
      await put(session, 'points/a', randomBytes(1000))
      await session.sync?.(call)
    }
    await using session = await site.open()
    const [set] = (await session.sets?.list(call)) ?? []
    expect(set?.media.map(({ name }) => name)).toEqual(['TAPE01', 'TAPE02', 'TAPE03'])
    await using reading = await session.sets?.open(set?.id ?? '', call)
    if (reading === undefined) throw new Error('no set')
    for (const [name, bytes] of objects) expect((await get(reading, name)).equals(bytes)).toBe(true)
  })
})

it('takes objects from several writers at once, more than it keeps in memory', async () => {
  const site = simulatedSite([256 * mebibyte])
  await using session = await site.open()
  const objects = Array.from({ length: 5 }, (_, at) => [`packs/00/${at}`, randomBytes(20 * mebibyte)] as const)
  await Promise.all(objects.map(([name, bytes]) => put(session, name, bytes)))
  await session.sync?.(call)
  for (const [name, bytes] of objects) expect((await get(session, name)).equals(bytes)).toBe(true)
})
