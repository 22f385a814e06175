import { expect, test } from 'vitest'
import { scatteredWrites } from '../qemu/scattered-writes.ts'

const settings = { diskBytes: 2 ** 27, totalBytes: 2 ** 23, seed: 1 }
const placesIn = (script: string) => (/for place in ([\d ]+);/.exec(script)?.[1] ?? '').split(' ').map(Number)

test('writes are as many as wanted, at different places, and end on the disk', () => {
  const script = scatteredWrites('/dev/vdb', settings)
  expect(script).toContain('of=/dev/vdb bs=4096 count=32')
  const places = placesIn(script)
  expect(places).toHaveLength(64)
  expect(new Set(places).size).toBeGreaterThan(60)
  expect(Math.max(...places) * 4096 + 2 ** 17).toBeLessThanOrEqual(settings.diskBytes)
})

test('the next writes are elsewhere, and the same in every run', () => {
  const script = scatteredWrites('/dev/vdb', settings)
  expect(scatteredWrites('/dev/vdb', settings)).toBe(script)
  expect(placesIn(scatteredWrites('/dev/vdb', { ...settings, seed: 2 }))).not.toEqual(placesIn(script))
})
