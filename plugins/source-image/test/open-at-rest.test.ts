import type { Clock } from '@holdfast/core'
import { describe, expect, it } from 'vitest'
import type { DiskContent } from '../src/disks/disk-content.js'
import { isSettled, type OpenDisks, openAtRest } from '../src/disks/open-at-rest.js'
import type { FileStamp } from '../src/files/disk-file.js'
import type { DiskDescription } from '../src/machines/machine-description.js'
import { knownFile, stamp } from './support/layers.js'
import { call } from './support/machines.js'

const disks = ['a', 'b'].map((id) => ({ id, file: `${id}.raw` }) as DiskDescription)

/** Two disks whose files were stamped at some times, in ms; each opening takes the next stamp, each look the last one. */
function scene(stamps: Readonly<Record<string, readonly number[]>>, startMs: number) {
  let nowMs = startMs
  const closed: string[] = []
  const openings = new Map<string, number>()
  const at = (id: string, opening: number): FileStamp => {
    const times = stamps[id] ?? []
    return stamp({ modifiedNs: 0n, changedNs: BigInt(times[Math.min(opening, times.length - 1)] ?? 0) * 1_000_000n })
  }
  const clock: Clock = {
    now: () => new Date(nowMs),
    sleep: async (ms) => {
      nowMs += ms
    },
  }
  const opened: OpenDisks = new Map()
  const open = async ({ id }: DiskDescription) => {
    const opening = openings.get(id) ?? 0
    openings.set(id, opening + 1)
    const file = { ...knownFile(id), opened: at(id, opening), stamp: () => at(id, Number.MAX_SAFE_INTEGER) }
    const content = { files: [file], close: async () => void closed.push(`${id}${opening}`) } as unknown as DiskContent
    return { kind: 'open', content } as const
  }
  const run = async () => {
    await openAtRest(disks, opened, { open, clock, signal: call.signal })
    return disks.map(({ id }) => [openings.get(id), isSettled(opened.get(id)!)])
  }
  return { run, closed, waitedMs: () => nowMs - startMs }
}

describe('opening disks at rest', () => {
  it('takes one look when all are', async () => {
    const { run, waitedMs } = scene({ a: [900], b: [100] }, 1000)
    expect(await run()).toEqual([
      [1, true],
      [1, true],
    ])
    expect(waitedMs()).toBe(0)
  })

  it('opens a file anew that was written to within a tick: what was read of it may be older than its stamp', async () => {
    const { run, closed, waitedMs } = scene({ a: [100], b: [995] }, 1000)
    expect(await run()).toEqual([
      [1, true],
      [2, true],
    ])
    expect(closed).toEqual(['b0'])
    expect(waitedMs()).toBe(20)
  })

  it('opens a file anew that was written to while others were waited for', async () => {
    const { run, closed } = scene({ a: [100, 985], b: [990] }, 1000)
    expect(await run()).toEqual([
      [2, true],
      [2, true],
    ])
    expect(closed.sort()).toEqual(['a0', 'b0'])
  })

  it('gives up after a tenth of a second', async () => {
    const { run, waitedMs } = scene({ a: [100], b: [1000, 1020, 1040, 1060, 1080, 1100] }, 1000)
    expect(await run()).toEqual([
      [1, true],
      [6, false],
    ])
    expect(waitedMs()).toBe(100)
  })

  it('takes a stamp from the future as it is, since nobody knows that clock', async () => {
    const { run } = scene({ a: [100], b: [500_000] }, 1000)
    expect(await run()).toEqual([
      [1, true],
      [1, true],
    ])
  })
})
