import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { type CartridgeLabel, decodeLabel, encodeLabel } from '../src/layout/label.js'
import { decodePlace, encodePlace } from '../src/layout/place.js'
import { sealLines } from '../src/layout/sealed-lines.js'

const id = fc
  .array(fc.integer({ min: 0, max: 15 }), { minLength: 32, maxLength: 32 })
  .map((digits) => digits.map((digit) => digit.toString(16)).join(''))
const date = fc.date({ min: new Date(0), max: new Date('2199-01-01'), noInvalidDate: true })
const name = fc
  .string({ minLength: 1, maxLength: 40, unit: fc.constantFrom(...'abcXYZ019-_ :.ü') })
  .map((text) => `p${text.trim()}`)
const label: fc.Arbitrary<CartridgeLabel> = fc.record({
  cartridge: id,
  barcode: fc.option(name, { nil: undefined }),
  pool: name,
  writtenAt: date,
  set: fc.option(
    fc
      .record({
        id,
        sequence: fc.integer({ min: 1, max: 999 }),
        previous: id,
        keepUntil: fc.option(date, { nil: undefined }),
      })
      .map((set) => ({ ...set, previous: set.sequence === 1 ? undefined : set.previous })),
    { nil: undefined },
  ),
})

describe('a label', () => {
  it('says what was written', () => {
    fc.assert(
      fc.property(label, (written) => {
        expect(decodeLabel(encodeLabel(written))).toEqual({ kind: 'label', label: written })
      }),
    )
  })

  it('never says anything else when a byte is another', () => {
    fc.assert(
      fc.property(label, fc.nat(), fc.integer({ min: 1, max: 255 }), (written, where, change) => {
        const bytes = new TextEncoder().encode(encodeLabel(written))
        const sealedBytes = new TextEncoder().encode(
          encodeLabel(written).replace(/^(digest: [0-9a-f]{64}\n)[\s\S]*$/m, '$1'),
        ).length
        const at = where % sealedBytes
        bytes[at] = (bytes[at] ?? 0) ^ change
        expect(decodeLabel(new TextDecoder().decode(bytes)).kind).not.toBe('label')
      }),
    )
  })

  it('of a version to come is known as such', () => {
    expect(decodeLabel(sealLines({ format: 'holdfast-tape 2', wheel: 'round' }))).toEqual({
      kind: 'newer',
      format: 'holdfast-tape 2',
    })
    expect(decodeLabel(sealLines({ format: 'other' }))).toMatchObject({ kind: 'damaged' })
  })

  it('tells people how to read the cartridge', () => {
    const set = { id: 'b'.repeat(32), sequence: 1, previous: undefined, keepUntil: undefined }
    const text = encodeLabel({
      cartridge: 'a'.repeat(32),
      barcode: 'TAPE0001',
      pool: 'weekly',
      set,
      writtenAt: new Date(0),
    })
    expect(text).toMatch(
      /^format: holdfast-tape 1\ncartridge: a{32}\nbarcode: TAPE0001\npool: weekly\nset: b{32}\nsequence: 1\nwritten: 1970-01-01T00:00:00.000Z\ndigest: /,
    )
    expect(text).toContain('tar -b 512 -xf /dev/nst0')
  })
})

it('the place of a tape file says what was written', () => {
  const place = { set: 'c'.repeat(32), sequence: 3, file: 17 }
  expect(decodePlace(encodePlace(place))).toEqual(place)
  expect(decodePlace(encodePlace(place).replace('17', '18'))).toBeUndefined()
})
