import { describe, expect, test } from 'vitest'
import { type BootProbe, bootFailed, checkBootProbe, serialPatternMatches } from '../src/contract/boot.js'

const timeoutMs = 1_000

describe('a boot probe', () => {
  test.each<[string, BootProbe]>([
    ['an empty pattern', { kind: 'serial', pattern: ' ', timeoutMs }],
    ['a long pattern', { kind: 'serial', pattern: 'x'.repeat(257), timeoutMs }],
    ['a pattern of two lines', { kind: 'serial', pattern: 'a\nb', timeoutMs }],
    ['an empty command', { kind: 'command', command: '', timeoutMs }],
    ['a long command', { kind: 'command', command: 'x'.repeat(4097), timeoutMs }],
    ['no time', { kind: 'agent', timeoutMs: 0 }],
    ['a time that is none', { kind: 'agent', timeoutMs: Number.POSITIVE_INFINITY }],
    ['more than a day', { kind: 'agent', timeoutMs: 86_400_001 }],
  ])('of %s is refused', (_, probe) => {
    expect(() => checkBootProbe(probe)).toThrow(expect.objectContaining({ code: 'E_CONFIG' }))
  })

  test('within its bounds is taken', () => {
    for (const probe of [
      { kind: 'serial', pattern: 'x'.repeat(256), timeoutMs: 1 },
      { kind: 'command', command: 'x'.repeat(4096), timeoutMs: 86_400_000 },
    ] as const)
      expect(checkBootProbe(probe)).toBe(probe)
  })

  test.each([
    ['login:', 'debian login: ', true],
    ['login:', 'Login:', false],
    ['deb*login', 'debian login: ', true],
    ['log*deb', 'debian login: ', false],
    ['(a+)+$', 'aaaa', false],
    ['a.c', 'abc', false],
  ])('for %j fits %j: %j', (pattern, line, fits) => {
    expect(serialPatternMatches(pattern, line)).toBe(fits)
  })

  test('takes no time over what a hostile guest prints', () => {
    const startedAt = performance.now()
    expect(serialPatternMatches('a*a*a*a*a*a*b', 'a'.repeat(1_000_000))).toBe(false)
    expect(performance.now() - startedAt).toBeLessThan(1_000)
  })
})

test('the error of a machine that did not come up names the probe and the end of what was seen', () => {
  const probe: BootProbe = { kind: 'serial', pattern: 'login:', timeoutMs }
  const error = bootFailed('acme', probe, 'It ended.', `${'x'.repeat(5_000)}\x1b[1;31mKernel panic\x1b[0m\x00\r\n`)
  expect(error).toMatchObject({ code: 'E_BOOT', plugin: 'acme', context: { probe: "serial 'login:'" } })
  expect(error.message).toMatch(/^It ended\. It showed last: x+Kernel panic\ufffd$/)
  expect(error.message.length).toBeLessThan(1_100)
  expect(bootFailed('acme', probe, 'It ended.', '\r\n').message).toBe('It ended. It showed nothing.')
})
