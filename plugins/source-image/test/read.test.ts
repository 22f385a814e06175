import { appendFileSync, closeSync, openSync, truncateSync, utimesSync, writeSync } from 'node:fs'
import { type DiskId, isBackupError } from '@holdfast/core'
import { toArray } from '@holdfast/testkit'
import { describe, expect, it } from 'vitest'
import { capturedDisk } from '../src/disks/captured-disk.js'
import { rawContent } from '../src/disks/raw-content.js'
import type { DiskFile } from '../src/files/disk-file.js'
import { trackDisk } from '../src/tracking/track-disk.js'
import { call, capture, filled, machineRoot } from './support/machines.js'

const sizeBytes = 300_001
const content = filled(sizeBytes)
const longAgo = 1_000_000_000

async function capturedContent() {
  const root = machineRoot()
  const file = root.file('web/a.raw', content)
  utimesSync(file, longAgo, longAgo)
  const taken = await capture(root.path, 'web')
  return { disk: taken.disks[0]!, file, taken }
}

describe('reading', () => {
  it('fills exactly the asked range, into plain and into shared memory, into a part of a larger buffer', async () => {
    const { disk } = await capturedContent()
    const slab = new Uint8Array(new SharedArrayBuffer(70_000))
    await disk.readInto(1234, slab.subarray(100, 65_636), call)
    expect(slab.slice(100, 65_636)).toEqual(content.slice(1234, 1234 + 65_536))
    expect(slab.slice(0, 100)).toEqual(new Uint8Array(100))
    expect(slab.slice(65_636)).toEqual(new Uint8Array(70_000 - 65_636))
    const last = new Uint8Array(1)
    await disk.readInto(sizeBytes - 1, last, call)
    expect(last[0]).toBe(content[sizeBytes - 1])
    await disk.readInto(sizeBytes, new Uint8Array(0), call)
  })

  it('gives zeros for holes, also in a buffer that held something else', async () => {
    const root = machineRoot()
    root.disk('web/a.raw', 1 << 20, [[1 << 19, filled(10)]])
    const { disks } = await capture(root.path, 'web')
    const into = filled(1 << 20)
    await disks[0]!.readInto(0, into, call)
    const expected = new Uint8Array(1 << 20)
    expected.set(filled(10), 1 << 19)
    expect(Buffer.compare(into, expected)).toBe(0)
  })

  it('loops over short reads and passes 8 MiB without a seam', async () => {
    const bytes = filled(100)
    const stamp = { sizeBytes: 20e6, inode: 1n, modifiedNs: 1n, changedNs: 1n }
    const file = fakeFile({
      opened: stamp,
      stamp: () => stamp,
      read: async (into, at, length, offset) => {
        const got = Math.min(length, 3_333_333)
        for (let i = 0; i < got; i += 1) into[at + i] = bytes[(offset + i) % 100]!
        return got
      },
    })
    const disk = await rawDisk(file)
    const into = new Uint8Array(19e6)
    await disk.readInto(7, into, call)
    expect(into.every((byte, i) => byte === bytes[(7 + i) % 100])).toBe(true)
  })

  it.each([
    [sizeBytes, 1],
    [sizeBytes - 10, 11],
    [sizeBytes + 1, 0],
    [-1, 1],
    [0.5, 1],
    [Number.NaN, 1],
  ])('at %d for %d bytes is past the end: E_SOURCE_READ', async (offset, length) => {
    const { disk } = await capturedContent()
    await expect(disk.readInto(offset, new Uint8Array(length), call)).rejects.toMatchObject({ code: 'E_SOURCE_READ' })
  })

  it('stops with the reason of the signal, before and during a read', async () => {
    const { disk } = await capturedContent()
    const stopped = { signal: AbortSignal.abort(new Error('stop')) }
    await expect(disk.readInto(0, new Uint8Array(9), stopped)).rejects.toThrow('stop')
    await expect(toArray(disk.extents(undefined, stopped))).rejects.toThrow('stop')
    const controller = new AbortController()
    const reading = disk.readInto(0, new Uint8Array(sizeBytes), { signal: controller.signal })
    controller.abort(new Error('stop now'))
    await expect(reading).rejects.toThrow('stop now')
  })

  it('under way when the capture is released still ends well; a later one is refused', async () => {
    const { disk, taken } = await capturedContent()
    const into = new Uint8Array(sizeBytes)
    const outcomes = Promise.allSettled([disk.readInto(0, into, call)])
    await taken[Symbol.asyncDispose]()
    const [outcome] = await outcomes
    if (outcome?.status === 'rejected') expect(isBackupError(outcome.reason)).toBe(true)
    else expect(Buffer.compare(into, content)).toBe(0)
    await expect(disk.readInto(0, into, call)).rejects.toMatchObject({
      code: 'E_SOURCE_READ',
      message: expect.stringContaining('released'),
    })
    await expect(toArray(disk.extents(undefined, call))).rejects.toMatchObject({ code: 'E_SOURCE_READ' })
  })

  it.each(['EIO', 'EACCES', 'ESTALE'])(
    'that the system refuses by %s is E_SOURCE_READ with the cause kept',
    async (code) => {
      const cause = Object.assign(new Error('no'), { code })
      const stamp = { sizeBytes: 512, inode: 1n, modifiedNs: 1n, changedNs: 1n }
      const file = fakeFile({ opened: stamp, stamp: () => stamp, read: () => Promise.reject(cause) })
      const disk = await rawDisk(file)
      await expect(disk.readInto(0, new Uint8Array(9), call)).rejects.toMatchObject({
        code: 'E_SOURCE_READ',
        cause,
        hint: expect.any(String),
        message: expect.stringContaining(code),
      })
    },
  )
})

describe('a file that changes after the capture', () => {
  it.each<[what: string, change: (file: string) => void]>([
    ['is written in place', (file) => overwrite(file)],
    [
      'is written in place, its time set back',
      (file) => {
        overwrite(file)
        utimesSync(file, longAgo, longAgo)
      },
    ],
    ['grows', (file) => appendFileSync(file, 'x')],
    ['shrinks', (file) => truncateSync(file, 1000)],
  ])('because it %s is never given out', async (_what, change) => {
    const { disk, file } = await capturedContent()
    await disk.readInto(0, new Uint8Array(4096), call)
    change(file)
    const torn = {
      code: 'E_SOURCE_READ',
      message: expect.stringContaining('changed while it was being read'),
      hint: expect.stringContaining('snapshot'),
    }
    await expect(disk.readInto(0, new Uint8Array(4096), call)).rejects.toMatchObject(torn)
    await expect(disk.readInto(200_000, new Uint8Array(4096), call)).rejects.toMatchObject(torn)
    await expect(toArray(disk.extents(undefined, call))).rejects.toMatchObject(torn)
  })

  it('is noticed even when it had been written in the same tick of the clock as the capture', async () => {
    for (let round = 0; round < 30; round += 1) {
      const { disk, file } = await capturedContent()
      overwrite(file)
      await expect(disk.readInto(0, new Uint8Array(1), call), `round ${round}`).rejects.toMatchObject({
        code: 'E_SOURCE_READ',
      })
    }
  })
})

async function rawDisk(file: DiskFile) {
  const content = rawContent('a', file, undefined)
  const tracking = await trackDisk({ disk: {}, content, previous: undefined, now: new Date() })
  return capturedDisk({ id: 'a' as DiskId, content, tracking })
}

function fakeFile(parts: Pick<DiskFile, 'read' | 'opened' | 'stamp'>): DiskFile {
  return { path: '/fake/a.raw', place: '0:1', bornNs: 1n, fd: () => -1, close: async () => undefined, ...parts }
}

function overwrite(file: string): void {
  const fd = openSync(file, 'r+')
  writeSync(fd, Uint8Array.of(0), 0, 1, 0)
  closeSync(fd)
}
