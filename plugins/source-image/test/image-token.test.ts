import type { ChangeToken } from '@holdfast/core'
import { describe, expect, it } from 'vitest'
import { imageToken, longestBitmapName, parseImageToken } from '../src/tracking/image-token.js'

const digest = 'x'.repeat(32)
const bitmaps = [{ name: 'day "1" ü', granularityBytes: 65_536, dirtyBytes: 131_072, places: [0, 7] }]

describe('a change token of images', () => {
  it.each([
    { sizeBytes: 4096, state: digest },
    { sizeBytes: 4096, recorder: { image: digest, beneath: '', bitmaps } },
    { sizeBytes: 4096, state: digest, recorder: { image: digest, beneath: digest, bitmaps } },
  ])('comes back as it was: %j', (mark) => {
    expect(parseImageToken(imageToken(mark))).toEqual(mark)
  })

  it('has its version before everything else', () => {
    expect(imageToken({ sizeBytes: 1, state: digest })).toMatch(/^1:\{/)
  })

  it('stays below 4 KiB at its largest', () => {
    const places = Array.from({ length: 32 }, (_, i) => 2 ** 33 + i)
    const name = 'n'.repeat(longestBitmapName)
    const largest = Array.from({ length: 6 }, () => ({ name, granularityBytes: 2 ** 31, dirtyBytes: 2 ** 46, places }))
    const token = imageToken({
      sizeBytes: 2 ** 46,
      state: digest,
      recorder: { image: digest, beneath: digest, bitmaps: largest },
    })
    expect(token.length).toBeLessThan(4096)
  })

  it.each([
    ['another version', '2:{"sizeBytes":1,"state":"x"}'],
    ['somebody else', 'a token of somebody else'],
    ['nothing', ''],
    ['half of one', '1:{"sizeBytes":1,'],
    ['another type', '1:[]'],
    ['an unknown field', '1:{"sizeBytes":1,"status":"x"}'],
    ['a negative size', '1:{"sizeBytes":-1}'],
    ['a bitmap without a count', '1:{"sizeBytes":1,"recorder":{"image":"a","beneath":"","bitmaps":[["b",4096]]}}'],
    ['a granularity of 0', '1:{"sizeBytes":1,"recorder":{"image":"a","beneath":"","bitmaps":[["b",0,1,[]]]}}'],
  ])('of %s is not understood', (_what, token) => {
    expect(parseImageToken(token as ChangeToken)).toBeUndefined()
  })
})
