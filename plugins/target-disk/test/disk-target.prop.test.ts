import { chunkSplits, contents, hostileKeys, objectKeys } from '@holdfast/testkit/arbitraries'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { keyOfParts, nameOfPart, objectPath, partOfName } from '../src/object-path.js'
import { bodyOf, call, key, memoryDisk, namesIn, openDisk, readAll } from './support/harness.js'

describe('the place of an object', () => {
  it('leads back to its key and nowhere else, and never out of the folder', () => {
    fc.assert(
      fc.property(objectKeys(), (text) => {
        const { folders, name } = objectPath(text)
        const names = [...folders, name]
        expect(names.every((part) => part !== '..' && !part.startsWith('.') && !/[/\0]/.test(part))).toBe(true)
        expect(keyOfParts(names.map((part) => partOfName(part) ?? '?'))).toBe(text)
      }),
    )
  })

  it('is refused to what is no key', () => {
    fc.assert(
      fc.property(hostileKeys(), (text) => {
        expect(() => objectPath(text)).toThrow(expect.objectContaining({ code: 'E_OBJECT_KEY' }))
      }),
    )
  })

  it('names a part of any key in exactly one way', () => {
    const name = fc.string({ unit: fc.constantFrom('%', '2', 'E', 'e', '.', 'a', '+'), minLength: 1, maxLength: 8 })
    fc.assert(
      fc.property(name, (text) => {
        const part = partOfName(text)
        expect(part === undefined || nameOfPart(part) === text).toBe(true)
      }),
    )
  })
})

describe('what was put', () => {
  it('comes back whatever pieces it came in, whole and in ranges', async () => {
    const session = await openDisk(memoryDisk().port)
    const cut = contents(1_500_000).chain((bytes) =>
      fc.tuple(fc.constant(bytes), chunkSplits(bytes), fc.nat(), fc.nat()),
    )
    let rounds = 0
    await fc.assert(
      fc.asyncProperty(cut, async ([bytes, pieces, from, to]) => {
        const name = `object-${rounds++}`
        await session.put(key(name), bodyOf(...pieces), { ...call, sizeBytes: bytes.length })
        const offset = from % (bytes.length + 1)
        const length = to % (bytes.length - offset + 1)
        expect(Buffer.compare(await readAll(session, name), bytes)).toBe(0)
        expect(
          Buffer.compare(await readAll(session, name, { offset, length }), bytes.subarray(offset, offset + length)),
        ).toBe(0)
      }),
      { numRuns: 50 },
    )
  })

  it('is listed under every prefix that fits and under no other', async () => {
    await fc.assert(
      fc.asyncProperty(fc.uniqueArray(objectKeys(), { minLength: 1, maxLength: 6 }), fc.nat(), async (keys, cut) => {
        // One object cannot stand where another needs a folder.
        const stored = keys.filter((one) => !keys.some((other) => other !== one && other.startsWith(`${one}/`)))
        const session = await openDisk(memoryDisk().port)
        for (const one of stored) await session.put(one, bodyOf('x'), call)
        const prefix = (stored[0] ?? '').slice(0, cut % ((stored[0]?.length ?? 0) + 1))
        expect(await namesIn(session, prefix)).toEqual(stored.filter((one) => one.startsWith(prefix)).sort())
      }),
      { numRuns: 50 },
    )
  })
})
