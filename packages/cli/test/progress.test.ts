import type { DiskId } from '@holdfast/core'
import type { EngineEvent } from '@holdfast/core/engine'
import { describe, expect, test } from 'vitest'
import { createOutput } from '../src/output.js'
import { progressView } from '../src/render/progress.js'

const gibibyte = 2 ** 30

/** A view on a stream that only remembers, with a clock that the test moves. */
function watched(options: { readonly tty: boolean; readonly json?: boolean; readonly columns?: number }) {
  let written = ''
  let now = 0
  const stream = {
    isTTY: options.tty,
    columns: options.columns ?? 80,
    write: (text: string) => {
      written += text
      return true
    },
  } as unknown as NodeJS.WriteStream
  const output = createOutput({ out: stream, err: stream, environment: {} }, { json: options.json === true })
  const view = progressView(output, 'read', () => now)
  return {
    view,
    at: (ms: number, event: EngineEvent) => {
      now = ms
      written = ''
      view.onEvent(event)
      return written
    },
    closed: () => {
      written = ''
      view.close()
      return written
    },
  }
}

const disk = 'root' as DiskId
const started: EngineEvent = {
  type: 'disk-started',
  machine: 'web',
  disk,
  sizeBytes: gibibyte,
  mode: 'full',
  reason: 'no earlier capture',
}
const progress = (positionBytes: number): EngineEvent => ({
  type: 'disk-progress',
  machine: 'web',
  disk,
  sizeBytes: gibibyte,
  positionBytes,
  transferredBytes: positionBytes,
})
const finished: EngineEvent = { type: 'disk-finished', machine: 'web', disk, readBytes: gibibyte / 2 }

describe('without a terminal', () => {
  test('a disk is told of at its start, every ten seconds, and at its end', () => {
    const { at } = watched({ tty: false })
    expect(at(0, started)).toBe('web/root: 1 GiB, no earlier capture\n')
    expect(at(5000, progress(gibibyte / 4))).toBe('')
    expect(at(10_000, progress(gibibyte / 2))).toBe('web/root: 50 % of 1 GiB, 51.2 MiB/s, 10.0 s left\n')
    expect(at(15_000, progress(gibibyte))).toBe('')
    expect(at(16_000, finished)).toBe('web/root: 512 MiB read in 16.0 s\n')
  })
})

describe('on a terminal', () => {
  test('a line is redrawn in place, at most ten times a second', () => {
    const { at, closed } = watched({ tty: true })
    expect(at(1000, started)).toMatch(/^╌{20} web\/root: 0 % of 1 GiB, 0 B\/s\n$/)
    expect(at(1050, progress(gibibyte / 8))).toBe('')
    expect(at(2000, progress(gibibyte / 2))).toBe(
      `\x1b[1A\x1b[0J${'━'.repeat(10)}${'╌'.repeat(10)} web/root: 50 % of 1 GiB, 512 MiB/s, 1.0 s left\n`,
    )
    expect(at(3000, finished)).toBe('\x1b[1A\x1b[0Jweb/root: 512 MiB read in 2.0 s\n')
    expect(closed()).toBe('')
  })

  test('the rate is that of the last seconds', () => {
    const { at } = watched({ tty: true })
    at(0, started)
    at(1000, progress(0.4 * gibibyte))
    at(7000, progress(0.4 * gibibyte))
    expect(at(8000, progress(0.4 * gibibyte + 2 ** 20))).toContain(' 1 MiB/s, ')
  })

  test('a line is never wider than the terminal, and is taken away at the end', () => {
    const { at, closed } = watched({ tty: true, columns: 30 })
    expect(at(0, started).trimEnd().length).toBeLessThan(30)
    expect(closed()).toBe('\x1b[1A\x1b[0J')
  })
})

test('with --json every event is a line as it is', () => {
  const { at } = watched({ tty: true, json: true })
  expect(JSON.parse(at(0, started))).toEqual(started)
  expect(JSON.parse(at(10, progress(1)))).toEqual(progress(1))
})
