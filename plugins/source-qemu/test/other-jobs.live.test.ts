import { execFileSync } from 'node:child_process'
import { queryBlockJobs } from '@holdfast/protocol-qmp'
import { skipsWithout, type TempFolder, tempFolder } from 'holdfast-lab'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { backedUp, call, openSource, ref, traces } from './support/captures.js'
import { type LiveMachine, startMachine } from './support/live-machine.js'

describe.skipIf(skipsWithout('qemu'))("somebody else's job on a disk", () => {
  let folder: TempFolder
  let machine: LiveMachine
  beforeEach(async () => {
    folder = tempFolder()
    machine = await startMachine(folder.path, 'vm', [{ id: 'root', format: 'qcow2', sizeMib: 8 }], { isRunning: true })
    await machine.io('root', 'write -P 1 0 1M')
  })
  afterEach(async () => {
    await machine[Symbol.asyncDispose]()
    folder[Symbol.dispose]()
  })

  const begin = () =>
    machine.monitor.execute('blockdev-mirror', {
      'job-id': 'move',
      device: 'disk-root',
      target: 'disk-moved',
      sync: 'full',
    })
  /** Mirrors the disk, as a move to other storage does, and waits until the mirror follows the guest. */
  const mirror = async () => {
    using ready = machine.monitor.expectEvent(({ name }) => name === 'BLOCK_JOB_READY', { timeoutMs: 20_000 })
    const filename = folder.at('mirror.qcow2')
    execFileSync('qemu-img', ['create', '-q', '-f', 'qcow2', filename, '8M'])
    const file = { driver: 'file', 'node-name': 'f-moved', filename }
    await machine.monitor.execute('blockdev-add', { driver: 'qcow2', 'node-name': 'disk-moved', file })
    await begin()
    await ready.event
  }
  const ended = async () => {
    using gone = machine.monitor.expectEvent(({ name }) => /^BLOCK_JOB_(CANCELLED|COMPLETED)$/.test(name), {
      timeoutMs: 20_000,
    })
    await machine.monitor.execute('block-job-cancel', { device: 'move' })
    await gone.event
  }

  it('is not gone around: the machine is refused until it has ended', async () => {
    await mirror()
    await expect(backedUp(await openSource(folder.path), 'vm')).rejects.toMatchObject({
      code: 'E_SOURCE_UNAVAILABLE',
      retry: 'transient',
      message: "A mirror job works on the disks of machine 'vm'.",
    })
    expect(await queryBlockJobs(machine.monitor)).toMatchObject([{ id: 'move' }])
    await ended()
    expect((await backedUp(await openSource(folder.path), 'vm')).tokens.size).toBe(1)
    expect(await traces(machine)).toEqual([])
  })

  it('cannot begin from the preparation to the end of the capture', async () => {
    const session = await openSource(folder.path)
    {
      await using prepared = await session.prepare(ref('vm'), { previous: new Map() }, call)
      await expect(mirror()).rejects.toMatchObject({ code: 'command' })
      await using _capture = await prepared.take(call)
      await expect(begin()).rejects.toMatchObject({ code: 'command' })
    }
    expect(await queryBlockJobs(machine.monitor)).toEqual([])
    expect(await traces(machine)).toEqual([])
  })
})
