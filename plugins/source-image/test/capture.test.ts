import { execFileSync } from 'node:child_process'
import { mkdirSync, statSync, symlinkSync, utimesSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Clock } from '@holdfast/core'
import { toArray } from '@holdfast/testkit'
import { describe, expect, it } from 'vitest'
import { imageSource } from '../src/index.js'
import { call, capture, context, filled, machineRoot, openSource, refOf, tokens, warnings } from './support/machines.js'
import { openFiles } from './support/open-files.js'

describe('a capture', () => {
  it('of a folder without machine.json has a disk for every raw file', async () => {
    const root = machineRoot()
    root.disk('web/b.img', 1024)
    root.disk('web/a.raw', 512)
    root.file('web/notes.txt')
    root.disk('web/.a.raw.swp.raw', 512)
    const { machine, disks, unavailable, consistency } = await capture(root.path, 'web')
    expect(machine).toEqual({
      id: 'web',
      name: 'web',
      disks: [
        { id: 'a', sizeBytes: 512 },
        { id: 'b', sizeBytes: 1024 },
      ],
    })
    expect(disks.map(({ id, sizeBytes, tracking }) => [id, sizeBytes, tracking.mode])).toEqual([
      ['a', 512, 'full'],
      ['b', 1024, 'full'],
    ])
    expect(unavailable).toEqual([])
    expect(consistency).toBe('crash')
  })

  it('carries what machine.json says of the machine and its disks', async () => {
    const root = machineRoot()
    root.disk('web/sub/root.qqq', 2048)
    root.disk('web/ignored.raw', 512)
    root.json('web', {
      id: 'web-1',
      name: 'web',
      firmware: 'uefi',
      cpus: 2,
      memoryBytes: 1 << 30,
      labels: { a: 'b' },
      disks: [{ id: 'root', file: 'sub/root.qqq', label: 'Root', bus: 'virtio', bootOrder: 1, changeToken: 't1' }],
    })
    const { machine, disks } = await capture(root.path, 'web')
    expect(machine).toEqual({
      id: 'web-1',
      name: 'web',
      firmware: 'uefi',
      cpus: 2,
      memoryBytes: 1 << 30,
      disks: [{ id: 'root', sizeBytes: 2048, label: 'Root', bus: 'virtio', bootOrder: 1 }],
    })
    expect(disks[0]?.changeToken).toBe('t1')
  })

  it('is taken once a preparation, and a preparation left alone holds nothing open', async () => {
    const root = machineRoot()
    root.disk('web/a.raw', 512)
    const session = await openSource(root.path)
    const prepared = await session.prepare(await refOf(session, 'web'), { previous: tokens({}) }, call)
    expect(openFiles(root.path)).toEqual([])
    await using _capture = await prepared.take(call)
    await expect(prepared.take(call)).rejects.toMatchObject({ code: 'E_USAGE' })
    expect(openFiles(root.path)).toHaveLength(1)
  })

  it('closes its files when it is released, once and for all', async () => {
    const root = machineRoot()
    root.disk('web/a.raw', 512)
    root.disk('web/b.raw', 512)
    const taken = await capture(root.path, 'web')
    expect(openFiles(root.path)).toHaveLength(2)
    await taken[Symbol.asyncDispose]()
    await taken[Symbol.asyncDispose]()
    expect(openFiles(root.path)).toEqual([])
  })

  it('that is aborted amid its files leaves none open', async () => {
    const root = machineRoot()
    const file = root.disk('web/a.raw', 512)
    const controller = new AbortController()
    const opened: number[] = []
    const clock: Clock = {
      now: () => statSync(file).ctime,
      sleep: async (_ms, { signal }) => {
        opened.push(openFiles(root.path).length)
        controller.abort(new Error('stop'))
        signal.throwIfAborted()
      },
    }
    const session = await imageSource({ path: root.path }).open({ ...context('/'), clock })
    const prepared = await session.prepare(await refOf(session, 'web'), { previous: tokens({}) }, call)
    await expect(prepared.take({ signal: controller.signal })).rejects.toThrow('stop')
    expect(opened).toEqual([1])
    expect(openFiles(root.path)).toEqual([])
  })

  it('goes by the machine.json of its own instant, not of its preparation', async () => {
    const root = machineRoot()
    root.disk('web/a.raw', 8192)
    const record = (changeToken: string, since: string, extents: number[][]) =>
      root.json('web', { disks: [{ id: 'a', file: 'a.raw', changeToken, changes: { since, extents } }] })
    record('t1', 't0', [[0, 512]])
    const session = await openSource(root.path)
    const prepared = await session.prepare(await refOf(session, 'web'), { previous: tokens({ a: 't0' }) }, call)
    record('t2', 't1', [[4096, 512]])
    await using taken = await prepared.take(call)
    expect(taken.disks[0]).toMatchObject({ changeToken: 't2', tracking: { mode: 'full' } })
  })

  it('warns when an image is newer than the record of its changes', async () => {
    const root = machineRoot()
    root.json('web', { disks: [{ id: 'a', file: 'a.raw', changeToken: 't1' }] })
    const file = root.disk('web/a.raw', 512)
    await capture(root.path, 'web')
    expect(warnings).toEqual([expect.stringContaining('newer than the machine.json')])
    utimesSync(file, 1, 1)
    await capture(root.path, 'web')
    expect(warnings).toEqual([])
  })
})

describe('a disk that cannot be captured', () => {
  it.each<[what: string, make: (path: string) => void, reason: RegExp]>([
    ['missing', () => undefined, /no such file/],
    ['a folder', (path) => mkdirSync(path), /a folder/],
    ['a FIFO', (path) => execFileSync('mkfifo', [path]), /a FIFO/],
    ['a device', (path) => symlinkSync('/dev/zero', path), /a character device/],
    ['a dangling link', (path) => symlinkSync('/nowhere/at/all', path), /no such file/],
    ['a link to itself', (path) => symlinkSync('bad.raw', path), /circle/],
    ['below a file', (path) => symlinkSync('good.raw/x', path), /not a folder/],
  ])('because it is %s is listed with its reason while the others are captured', async (_what, make, reason) => {
    const root = machineRoot()
    root.disk('web/good.raw', 512)
    make(join(root.path, 'web', 'bad.raw'))
    root.json('web', {
      disks: [
        { id: 'bad', file: 'bad.raw' },
        { id: 'good', file: 'good.raw' },
      ],
    })
    const { machine, disks, unavailable } = await capture(root.path, 'web')
    expect(unavailable).toEqual([{ id: 'bad', reason: expect.stringMatching(reason) }])
    expect(disks.map(({ id }) => id)).toEqual(['good'])
    expect(machine.disks).toEqual([
      { id: 'bad', sizeBytes: 0 },
      { id: 'good', sizeBytes: 512 },
    ])
  })

  it('because links may not leave the folder is listed; links within it are fine', async () => {
    const root = machineRoot()
    const elsewhere = machineRoot()
    root.disk('web/data/real.raw', 512)
    symlinkSync('data/real.raw', join(root.path, 'web', 'inside.raw'))
    symlinkSync(elsewhere.disk('outside.raw', 512), join(root.path, 'web', 'outside.raw'))
    symlinkSync(elsewhere.path, join(root.path, 'web', 'sub'))
    root.json('web', {
      disks: ['inside.raw', 'outside.raw', 'sub/outside.raw'].map((file, index) => ({ id: `d${index}`, file })),
    })
    const ids = async (followSymlinks: boolean) => {
      const taken = await capture(root.path, 'web', {}, { followSymlinks })
      return { captured: taken.disks.map(({ id }) => id), left: taken.unavailable.map(({ id }) => id) }
    }
    expect(await ids(true)).toEqual({ captured: ['d0', 'd1', 'd2'], left: [] })
    expect(await ids(false)).toEqual({ captured: ['d0'], left: ['d1', 'd2'] })
  })

  it('because it is written to all the time is listed, after a few short waits', async () => {
    const root = machineRoot()
    root.disk('web/calm.raw', 512)
    await sleep(50)
    const busy = root.disk('web/busy.raw', 4096)
    const waits: number[] = []
    const clock: Clock = {
      // Whenever it is looked at, the last write was this very instant.
      now: () => statSync(busy).ctime,
      sleep: async (ms) => void waits.push(ms),
    }
    const session = await imageSource({ path: root.path }).open({ ...context('/'), clock })
    const prepared = await session.prepare(await refOf(session, 'web'), { previous: tokens({}) }, call)
    await using taken = await prepared.take(call)
    expect(taken.unavailable).toEqual([{ id: 'busy', reason: expect.stringContaining('being written') }])
    expect(taken.disks.map(({ id }) => id)).toEqual(['calm'])
    expect(waits.reduce((all, ms) => all + ms, 0)).toBeLessThanOrEqual(100)
  })
})

describe('change tracking', () => {
  const kib = 1024
  async function trackedDisk(record: object, previous: Readonly<Record<string, string>>, sizeBytes = 64 * kib) {
    const root = machineRoot()
    root.disk('web/a.raw', sizeBytes, [[0, filled(sizeBytes)]])
    root.json('web', { disks: [{ id: 'a', file: 'a.raw', ...record }] })
    const [disk] = (await capture(root.path, 'web', previous)).disks
    return disk!
  }
  const recorded = (extents: number[][]) => ({ changeToken: 't2', changes: { since: 't1', extents } })

  it.each<[what: string, record: object, previous: Record<string, string>, mode: string, reason: RegExp]>([
    ['no earlier capture', recorded([[0, 512]]), {}, 'full', /no earlier capture/],
    ['another disk captured before', recorded([[0, 512]]), { b: 't1' }, 'full', /no earlier capture/],
    ['the base of the record', recorded([[0, 512]]), { a: 't1' }, 'incremental', /since token 't1'/],
    ['the present token', recorded([[0, 512]]), { a: 't2' }, 'incremental', /since token 't2'/],
    ['the present token and no record', { changeToken: 't2' }, { a: 't2' }, 'incremental', /since/],
    ['a token from before the record', recorded([[0, 512]]), { a: 't0' }, 'full', /'t0' is not the base.*'t1'/],
    ['an old token and no record', { changeToken: 't2' }, { a: 't1' }, 'full', /'t1' is not the present one/],
    ['no record at all', {}, { a: 't1' }, 'full', /records no change token/],
    ['changes past the end', recorded([[64 * kib - 511, 512]]), { a: 't1' }, 'full', /past the end/],
    ['changes up to the end', recorded([[64 * kib - 512, 512]]), { a: 't1' }, 'incremental', /since/],
  ])('with %s', async (_what, record, previous, mode, reason) => {
    const disk = await trackedDisk(record, previous)
    expect(disk.tracking).toEqual({ mode, reason: expect.stringMatching(reason) })
  })

  it('yields recorded changes sorted and merged', async () => {
    const disk = await trackedDisk(
      recorded([
        [32 * kib, 4096],
        [0, 512],
        [512, 512],
        [33 * kib, 512],
        [600, 0],
        [9000, 0],
      ]),
      { a: 't1' },
    )
    const changed = await toArray(
      disk.extents(disk.changeToken === 't2' ? ('t1' as typeof disk.changeToken) : undefined, call),
    )
    expect(changed).toEqual([
      { offset: 0, length: 1024, kind: 'data' },
      { offset: 32 * kib, length: 4096, kind: 'data' },
    ])
  })

  it('yields nothing since the present token', async () => {
    const disk = await trackedDisk(recorded([[0, 512]]), { a: 't2' })
    expect(await toArray(disk.extents(disk.changeToken, call))).toEqual([])
  })

  it('tells a changed range that is a hole now from one with data', async () => {
    const root = machineRoot()
    root.disk('web/a.raw', 64 * kib, [[16 * kib, filled(4096)]])
    root.json('web', { disks: [{ id: 'a', file: 'a.raw', ...recorded([[8 * kib, 16 * kib]]) }] })
    const [disk] = (await capture(root.path, 'web', { a: 't1' })).disks
    expect(await toArray(disk!.extents([...tokens({ a: 't1' }).values()][0], call))).toEqual([
      { offset: 8 * kib, length: 8 * kib, kind: 'unallocated' },
      { offset: 16 * kib, length: 4 * kib, kind: 'data' },
      { offset: 20 * kib, length: 4 * kib, kind: 'unallocated' },
    ])
  })

  it('refuses a token that it does not know', async () => {
    const disk = await trackedDisk(recorded([[0, 512]]), { a: 't0' })
    const unknown = [...tokens({ a: 't0' }).values()][0]
    await expect(toArray(disk.extents(unknown, call))).rejects.toMatchObject({ code: 'E_CHANGE_TOKEN' })
  })
})
