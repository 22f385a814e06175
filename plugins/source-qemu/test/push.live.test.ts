import { mkdirSync, readdirSync } from 'node:fs'
import type { Capture, CapturedDisk, ChangeToken, DiskId } from '@holdfast/core'
import { connectQmp, queryBlockJobs, queryBlockNodes } from '@holdfast/protocol-qmp'
import { toArray } from '@holdfast/testkit'
import { mountTmpfs, skipsWithout, skipsWithoutTmpfs, type TempFolder, tempFolder } from 'holdfast-lab'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { backedUp, call, captured, openSource, ref, traces } from './support/captures.js'
import { type LiveDisk, type LiveMachine, startMachine } from './support/live-machine.js'

const mebibyte = 2 ** 20
const root = 'dev-root' as DiskId
const disks: readonly LiveDisk[] = [
  { id: 'root', format: 'qcow2', sizeMib: 16 },
  { id: 'data', format: 'raw', sizeMib: 16 },
]

const itOnTmpfs = it.skipIf(skipsWithoutTmpfs())

describe.skipIf(skipsWithout('qemu'))('a capture that QEMU pushes', () => {
  let folder: TempFolder
  let machine: LiveMachine
  const at = (name: string) => folder.at(name)
  beforeEach(async () => {
    folder = tempFolder()
    mkdirSync(at('temp'))
    machine = await startMachine(folder.path, 'vm', disks)
    for (const disk of ['root', 'data']) await machine.io(disk, 'write -P 1 0 1M')
  })
  afterEach(async () => {
    await machine[Symbol.asyncDispose]()
    folder[Symbol.dispose]()
  })
  const session = (tempDir = at('temp'), scratch = at('scratch')) =>
    openSource(folder.path, { transport: 'push', scratch }, { tempDir })
  const isTidy = async () => {
    expect([await traces(machine), readdirSync(at('temp')), readdirSync(at('scratch'))]).toEqual([[], [], []])
    const nodes = await queryBlockNodes(machine.monitor)
    expect(
      nodes.flatMap(({ bitmaps }) => bitmaps.map(({ name }) => name)).filter((name) => !/^holdfast/.test(name)),
    ).toEqual([])
  }
  const diskOf = ({ disks: all }: Capture, id: DiskId): CapturedDisk => {
    const found = all.find((disk) => disk.id === id)
    if (found === undefined) throw new Error(`no disk ${id}`)
    return found
  }
  const bytesOf = async (disk: CapturedDisk, offset = 0, length = disk.sizeBytes) => {
    const into = new Uint8Array(length)
    await disk.readInto(offset, into, call)
    return into
  }

  it('tells of an incremental what was written, and has all else that is read around it', async () => {
    const first = await backedUp(await session(), 'vm')
    expect(first.extents[root]).toEqual([
      { offset: 0, length: mebibyte, kind: 'data' },
      { offset: mebibyte, length: 15 * mebibyte, kind: 'zero' },
    ])
    await machine.io('root', 'write -P 2 3M 4k')
    await machine.io('root', 'write -z -u 64k 64k')
    const content = await machine.content('root')
    await captured(
      await session(),
      'vm',
      async (capture) => {
        const disk = diskOf(capture, root)
        expect(disk.tracking.mode).toBe('incremental')
        await machine.io('root', 'write -P 9 0 16M')
        const since = first.tokens.get(root)
        const changed = [
          { offset: 65_536, length: 65_536, kind: 'zero' },
          { offset: 3 * mebibyte, length: 65_536, kind: 'data' },
        ]
        expect(await toArray(disk.extents(since, call))).toEqual(changed)
        const jobs: unknown[] = []
        await using watch = await connectQmp({ path: at('vm/third.sock') })
        watch.on(
          ({ name, data }) => name === 'JOB_STATUS_CHANGE' && data['status'] === 'created' && jobs.push(data['id']),
        )
        for (const offset of [3 * mebibyte, 65_536]) await bytesOf(disk, offset, 65_536)
        expect(jobs.length).toBe(0)
        // What a reader wants around it comes at once for all of it, and no more than that.
        expect(Buffer.compare(await bytesOf(disk, 0, 4 * mebibyte), content.subarray(0, 4 * mebibyte))).toBe(0)
        expect(jobs.length).toBe(1)
        // The engine may want everything all the same, for a disk that was resized.
        expect(await toArray(disk.extents(undefined, call))).toEqual([
          { offset: 0, length: 65_536, kind: 'data' },
          { offset: 65_536, length: 65_536, kind: 'zero' },
          { offset: 131_072, length: mebibyte - 131_072, kind: 'data' },
          { offset: mebibyte, length: 2 * mebibyte, kind: 'zero' },
          { offset: 3 * mebibyte, length: 65_536, kind: 'data' },
          { offset: 3 * mebibyte + 65_536, length: 13 * mebibyte - 65_536, kind: 'zero' },
        ])
        expect(Buffer.compare(await bytesOf(disk), content)).toBe(0)
        expect(jobs.length).toBe(2)
        expect(await toArray(disk.extents(since, call))).toEqual(changed)
      },
      first.tokens,
    )
    await isTidy()
  })

  it('does not need the server of QEMU, and leaves it to whom it is', async () => {
    const path = at('other.sock')
    await machine.monitor.execute('nbd-server-start', { addr: { type: 'unix', data: { path } } })
    const pulling = await openSource(folder.path)
    await expect(backedUp(pulling, 'vm')).rejects.toMatchObject({ code: 'E_SOURCE_UNAVAILABLE' })
    const content = await machine.content('data')
    await captured(await session(), 'vm', async (capture) => {
      expect(Buffer.compare(await bytesOf(diskOf(capture, 'dev-data' as DiskId)), content)).toBe(0)
    })
    await machine.monitor.execute('nbd-server-stop')
    await isTidy()
  })

  it('is aborted in the middle of a job, of which nothing is left, and may be read anew', async () => {
    await machine.io('root', 'write -P 7 0 16M')
    await using prepared = await (await session()).prepare(ref('vm'), { previous: new Map() }, call)
    await using capture = await prepared.take(call)
    const disk = diskOf(capture, root)
    const begun = machine.monitor.waitForEvent(
      ({ name, data }) => name === 'JOB_STATUS_CHANGE' && data['status'] === 'running',
    )
    const aborting = new AbortController()
    const [reading, other] = [1, 2].map((offset) => disk.readInto(offset, new Uint8Array(1), aborting))
    const rejected = [expect(reading).rejects.toThrow('enough'), expect(other).rejects.toThrow('enough')]
    const { data } = await begun
    await machine.monitor.execute('job-pause', { id: data['id'] })
    aborting.abort(new Error('enough'))
    await Promise.all(rejected)
    expect((await bytesOf(disk))[5]).toBe(7)
    expect(await queryBlockJobs(machine.monitor)).toEqual([])
    await capture[Symbol.asyncDispose]()
    await isTidy()
  })

  it('tells what changed also after that was aborted', async () => {
    const first = await backedUp(await session(), 'vm')
    await machine.io('root', 'write -P 7 0 16M')
    const aborting = new AbortController()
    const look = async (capture: Capture) => {
      const { extents } = diskOf(capture, root)
      const since = first.tokens.get(root)
      const begun = machine.monitor.waitForEvent(({ data }) => data['status'] === 'running')
      const rejected = expect(toArray(extents(since, aborting))).rejects.toThrow('enough')
      await machine.monitor.execute('job-pause', { id: (await begun).data['id'] })
      aborting.abort(new Error('enough'))
      await rejected
      expect(await toArray(extents(since, call))).toEqual([{ offset: 0, length: 16 * mebibyte, kind: 'data' }])
    }
    await captured(await session(), 'vm', look, first.tokens)
    await isTidy()
  })

  it('is released in the middle of a job', async () => {
    await machine.io('root', 'write -P 7 0 16M')
    await using prepared = await (await session()).prepare(ref('vm'), { previous: new Map() }, call)
    await using capture = await prepared.take(call)
    const begun = machine.monitor.waitForEvent(({ data }) => data['status'] === 'running')
    const read = bytesOf(diskOf(capture, root)).catch((error: unknown) => error)
    const id = (await begun).data['id']
    const isPaused = await machine.monitor.execute('job-pause', { id }).then(
      () => true,
      () => false,
    )
    await capture[Symbol.asyncDispose]()
    // A job that was through before it could be paused has been read, or not.
    if (isPaused) expect(await read).toBeInstanceOf(Error)
    await read
    await isTidy()
  })

  itOnTmpfs('fails when there is no room for it; the machine goes on and nothing is left', async () => {
    using _tmpfs = mountTmpfs(at('temp'), '4m')
    await machine.io('root', 'write -P 7 0 12M')
    await captured(await session(), 'vm', async (capture) => {
      const disk = diskOf(capture, root)
      const full = {
        code: 'E_SOURCE_READ',
        message: expect.stringContaining('No space left on device'),
        hint: expect.stringContaining(`${at('temp')} is full`),
      }
      await expect(toArray(disk.extents(undefined, call))).rejects.toMatchObject(full)
      await expect(bytesOf(disk)).rejects.toMatchObject(full)
    })
    expect(await machine.io('root', 'read -P 7 0 12M')).not.toContain('failed')
    await isTidy()
  })

  itOnTmpfs('fails when QEMU cannot put aside what is overwritten; the machine goes on', async () => {
    using _tmpfs = mountTmpfs(at('small'), '4m')
    await machine.io('root', 'write -P 7 0 12M')
    await captured(await session(at('temp'), at('small')), 'vm', async (capture) => {
      await machine.io('root', 'write -P 8 0 12M')
      await expect(bytesOf(diskOf(capture, root))).rejects.toMatchObject({
        code: 'E_SOURCE_READ',
        message: expect.stringMatching(/^QEMU could not send the snapshot of disk 'dev-root' of machine 'vm'/),
        hint: expect.stringContaining(`${at('small')} is full`),
      })
    })
    expect(await machine.io('root', 'read -P 8 0 12M')).not.toContain('failed')
    await isTidy()
  })

  it('fails before anything is disturbed when there is no place for its socket', async () => {
    const deep = at('d'.repeat(100))
    mkdirSync(deep)
    for (const tempDir of [deep, at('absent')])
      await expect(backedUp(await session(tempDir), 'vm')).rejects.toMatchObject({
        code: 'E_SOURCE_UNAVAILABLE',
        hint: expect.stringContaining('TMPDIR'),
      })
    await isTidy()
    expect(readdirSync(deep)).toEqual([])
  })

  it('fails when QEMU dies in the middle of it, and leaves no files', async () => {
    await using prepared = await (await session()).prepare(ref('vm'), { previous: new Map() }, call)
    await using capture = await prepared.take(call)
    const begun = machine.monitor.waitForEvent(({ data }) => data['status'] === 'running')
    const rejected = expect(bytesOf(diskOf(capture, root))).rejects.toMatchObject({ code: 'E_SOURCE_UNAVAILABLE' })
    await machine.monitor.execute('job-pause', { id: (await begun).data['id'] })
    machine.qemu.kill('SIGKILL')
    await rejected
    await capture[Symbol.asyncDispose]()
    expect(readdirSync(at('temp'))).toEqual([])
  })

  it('is in full where the token is unknown', async () => {
    const previous = new Map([[root, 'qemu1:holdfast-0123456789ab-000000:65536' as ChangeToken]])
    const made = await backedUp(await session(), 'vm', previous)
    expect(made.tracking[root]).toMatch(/^full: bitmap \S+ is gone/)
    expect(made.extents[root]?.reduce((sum, { length }) => sum + length, 0)).toBe(16 * mebibyte)
  })
})
