import { expect, test } from 'vitest'
import { parseTimes } from '../measure/measure.ts'
import { median } from '../measure/statistics.ts'

test('the line of GNU time is wall, user and system seconds and KiB', () => {
  expect(parseTimes('1.50 2.00 0.25 1024\n')).toEqual({
    wallSeconds: 1.5,
    userSeconds: 2,
    systemSeconds: 0.25,
    peakBytes: 1048576,
  })
})

test('what GNU time adds when a command was killed is not taken for times', () => {
  expect(() => parseTimes('Command terminated by signal 9\n0.10 0.00 0.00 1024\n')).toThrow(/something else than times/)
})

test('the median of an even number of values lies between the middle two', () => {
  expect(median([4, 1, 100, 2])).toBe(3)
  expect(median([100, 1, 2])).toBe(2)
  expect(() => median([])).toThrow(RangeError)
})
