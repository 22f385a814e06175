import { expect, test } from 'vitest'
import { parseOptions } from '../options.ts'

test('five rounds by default, two when quick', () => {
  expect(parseOptions([], '/checkout')).toMatchObject({ rounds: 5, quick: false })
  expect(parseOptions(['--quick'], '/checkout')).toMatchObject({ rounds: 2, quick: true })
})

test('package managers may pass their double dash on', () => {
  expect(parseOptions(['--', '--jobs', 'full,restore'], '/checkout')).toMatchObject({ jobs: ['full', 'restore'] })
})

test.for(['0', '-1', '2.5', 'many'])('%s rounds are refused', (rounds) => {
  expect(() => parseOptions([`--rounds=${rounds}`], '/checkout')).toThrow(RangeError)
})

test('an unknown option is refused', () => {
  expect(() => parseOptions(['--fast'], '/checkout')).toThrow(/--fast/)
})

test('groups of jobs are chosen by their names', () => {
  expect(parseOptions([], '/checkout')).toMatchObject({ groups: [] })
  expect(parseOptions(['formats', '--rounds', '3'], '/checkout')).toMatchObject({ groups: ['formats'], rounds: 3 })
  expect(parseOptions(['qemu'], '/checkout')).toMatchObject({ groups: ['qemu'] })
  expect(parseOptions(['tape'], '/checkout')).toMatchObject({ groups: ['tape'] })
  expect(() => parseOptions(['format'], '/checkout')).toThrow(/no group format/)
})
