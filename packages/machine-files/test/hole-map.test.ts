import { toArray } from '@holdfast/testkit'
import { describe, expect, it } from 'vitest'
import { walkHoles } from '../src/files/hole-map.js'
import { type HoleSeeker, loadHoleSeeker } from '../src/files/hole-seeker.js'

describe('walking holes', () => {
  const walk = (seeker: HoleSeeker | undefined, length = 100) =>
    toArray(walkHoles([{ offset: 0, length }], { seeker, fd: () => 3 }))
  const whole = [{ offset: 0, length: 100, kind: 'data' }]

  it('takes everything for data where lseek cannot be had', async () => {
    expect(await walk(undefined)).toEqual(whole)
  })

  it.each<[what: string, seeker: HoleSeeker]>([
    ['cannot tell', { nextData: () => 'unknown', nextHole: () => 'unknown' }],
    ['knows data only', { nextData: (_fd, at) => at, nextHole: () => 'unknown' }],
    ['goes backwards', { nextData: () => -5, nextHole: () => 0 }],
    ['stands still', { nextData: (_fd, at) => at, nextHole: (_fd, at) => at }],
    ['sees past the end', { nextData: (_fd, at) => at, nextHole: () => 1e9 }],
  ])('takes what is left for data where the file system %s', async (_what, seeker) => {
    expect(await walk(seeker)).toEqual(whole)
  })

  it('takes data past the range for a hole within it', async () => {
    expect(await walk({ nextData: () => 500, nextHole: () => 600 })).toEqual([
      { offset: 0, length: 100, kind: 'unallocated' },
    ])
  })

  it('lets others run while a map is long', async () => {
    const alternating: HoleSeeker = { nextData: (_fd, at) => at + 1, nextHole: (_fd, at) => at + 1 }
    let turns = 0
    const ticker = setInterval(() => turns++, 0)
    await walk(alternating, 200_000)
    clearInterval(ticker)
    expect(turns).toBeGreaterThan(3)
  })

  it('stops amid a map when aborted', async () => {
    const controller = new AbortController()
    const alternating: HoleSeeker = {
      nextData: (_fd, at) => {
        if (at > 50) controller.abort(new Error('stop'))
        return at + 1
      },
      nextHole: (_fd, at) => at + 1,
    }
    const walking = walkHoles([{ offset: 0, length: 100 }], {
      seeker: alternating,
      fd: () => 3,
      signal: controller.signal,
    })
    await expect(toArray(walking)).rejects.toThrow('stop')
  })
})

describe('the seeker of this system', () => {
  it('is loaded, and knows an impossible descriptor for unknown', async () => {
    const seeker = await loadHoleSeeker()
    expect(seeker?.nextData(-1, 0)).toBe('unknown')
  })
})
