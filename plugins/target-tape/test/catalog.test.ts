import { gunzipSync, gzipSync } from 'node:zlib'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { decodeCatalog, encodeCatalog, type ReadCatalog } from '../src/layout/catalog.js'

const at = new Date('2026-11-23T00:00:00Z')
const label = (sequence: number) => ({
  cartridge: `${sequence}`.repeat(32),
  barcode: `TAPE000${sequence}`,
  pool: 'weekly',
  set: { id: 'a'.repeat(32), sequence, previous: sequence === 1 ? undefined : '1'.repeat(32), keepUntil: at },
  writtenAt: at,
})
const object = (number: number) => ({
  key: `packs/00/${number}`,
  sizeBytes: number * 1000,
  sha256: 'f'.repeat(64),
  file: 2,
  offset: number * 512,
  storedAt: at,
  isLookup: number % 3 === 0,
})
const catalog: ReadCatalog = {
  set: 'a'.repeat(32),
  pool: 'weekly',
  createdAt: at,
  keepUntil: at,
  cartridges: [
    { label: label(1), objects: Array.from({ length: 1000 }, (_, number) => object(number)) },
    { label: label(2), objects: [object(1001)] },
  ],
}

describe('a catalog', () => {
  it('says what was written, however it comes in', async () => {
    const bytes = await encodeCatalog(catalog)
    expect(await decodeCatalog([bytes])).toEqual(catalog)
    const slices = Array.from({ length: Math.ceil(bytes.length / 7) }, (_, i) => bytes.subarray(i * 7, i * 7 + 7))
    expect(await decodeCatalog(slices)).toEqual(catalog)
  })

  it('never says anything else when it is cut off or a byte is another', async () => {
    const bytes = await encodeCatalog({
      ...catalog,
      cartridges: [{ label: label(1), objects: [object(1), object(2)] }],
    })
    // The header of gzip holds a time and a system that nobody reads; behind the digest its own checksum says nothing more.
    const harmless = 10
    const trailer = 8
    await fc.assert(
      fc.asyncProperty(
        fc.integer({ min: harmless, max: bytes.length - trailer - 1 }),
        fc.integer({ min: 1, max: 255 }),
        fc.boolean(),
        async (where, change, isCut) => {
          const broken = isCut ? bytes.slice(0, where) : bytes.slice()
          if (!isCut) broken[where] = (broken[where] ?? 0) ^ change
          expect(typeof (await decodeCatalog([broken]))).toBe('string')
        },
      ),
    )
  })

  it.each([
    [
      'a line that was taken out',
      (text: string) => text.replace(/^.*packs\/00\/1".*\n/m, ''),
      'its digest does not fit',
    ],
    ['an object without size', (text: string) => text.replace('"size":1000,', ''), 'an object lacks something'],
    [
      'a version to come',
      (text: string) => text.replace('catalog 1', 'catalog 2'),
      'its format is "holdfast-tape-catalog 2"',
    ],
    ['no end', (text: string) => text.replace(/\{"entries".*\n/, ''), 'it is cut off'],
    ['a line without end', (text: string) => `${text.slice(0, 100)}${'x'.repeat(2 ** 21)}`, 'a line is too long'],
  ])('with %s is refused', async (_, broken, problem) => {
    const text = gunzipSync(await encodeCatalog(catalog)).toString()
    expect(await decodeCatalog([gzipSync(broken(text))])).toBe(problem)
  })
})
