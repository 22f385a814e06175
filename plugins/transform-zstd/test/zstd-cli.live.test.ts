import { spawnSync } from 'node:child_process'
import { skipsWithout } from 'holdfast-lab'
import { describe, expect, it } from 'vitest'
import { bindings, codecOver, context } from './bindings.js'

const plain = Buffer.from('the same line, many times over\n'.repeat(5000))

describe.skipIf(skipsWithout('zstd')).each(bindings)('over %s, the zstd command', (_, open) => {
  it('reads what the codec writes', () => {
    const encoded = new Uint8Array(plain.length)
    const length = codecOver(open).encode(plain, encoded, context)
    const { stdout, status } = spawnSync('zstd', ['-d', '-c'], { input: encoded.subarray(0, length) })
    expect(status).toBe(0)
    expect(stdout.equals(plain)).toBe(true)
  })

  it.each(['-1', '-19', '--fast=5'])('writes with %s what the codec reads', (level) => {
    const { stdout, status } = spawnSync('zstd', [level, '-c'], { input: plain })
    expect(status).toBe(0)
    const decoded = new Uint8Array(plain.length)
    expect(codecOver(open).decode(stdout, decoded, context)).toBe(plain.length)
    expect(Buffer.compare(decoded, plain)).toBe(0)
  })
})
