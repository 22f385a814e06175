import { connect } from 'node:net'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import type { QuiesceSession } from '@holdfast/core'
import { connectGuestAgent } from '@holdfast/protocol-qmp'
import {
  type GuestImage,
  makeDataDisk,
  makeGuest,
  type RunningQemu,
  skipsWithout,
  startQemu,
  tempFolder,
} from 'holdfast-lab'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { call, errorOf, guardsOf, machine, openHook, until } from './support/harness.js'
import { isRunning, startOwner } from './support/owner.js'

const bootMs = 120_000
const rounds = 20

describe.skipIf(skipsWithout('guest'))('a real guest', () => {
  const { path: folder } = tempFolder(afterAll)
  let guest: GuestImage
  let qemu: RunningQemu

  const boot = async () => {
    qemu = await startQemu({
      folder,
      agent: true,
      kernel: guest.kernel,
      disks: [
        { id: 'root', file: guest.disk, format: 'raw', discardsWrites: true },
        { id: 'data', file: join(folder, 'data.raw'), format: 'raw', discardsWrites: true },
      ],
    })
    await qemu.serial.waitFor(/GUEST-READY/, bootMs)
  }
  /** Each connection is one of its own: nothing here may stand in the way of the hook. */
  const inGuest = async (script: string) => {
    await using agent = await connectGuestAgent({ path: qemu.agentPath })
    const { stdout } = await agent.exec({ path: '/bin/sh', args: ['-c', script] })
    return Buffer.from(stdout).toString().trim()
  }
  const state = async (timeoutMs = 10_000) => {
    await using agent = await connectGuestAgent({ path: qemu.agentPath }, { timeoutMs })
    return await agent.fsfreezeStatus()
  }
  const open = (options: { readonly timeout?: string; readonly maxFreeze?: string; mountpoints?: string[] } = {}) =>
    openHook(folder, { sockets: { db: qemu.agentPath }, timeout: '5s', ...options })
  const thawed = async (session: QuiesceSession) => {
    await session.thaw(machine, call)
    expect(await state()).toBe('thawed')
  }

  beforeAll(async () => {
    guest = await makeGuest(folder)
    await makeDataDisk(join(folder, 'data.raw'), { sizeBytes: 2 ** 26 })
    await boot()
  }, bootMs + 60_000)
  afterAll(async () => {
    await qemu?.[Symbol.asyncDispose]()
  })
  beforeEach(async () => {
    await inGuest('rm -f /run/hook-fail /run/hook-sleep; : > /run/hook.log')
  })

  it('freezes with its hooks while it writes, and goes on; the windows are short', async () => {
    await inGuest('setsid write-load > /dev/null 2>&1 &')
    const session = await open()
    const callMs: number[] = []
    for (let round = 0; round < rounds; round += 1) {
      const startedAt = performance.now()
      expect((await session.freeze(machine, call)).detail).toBe('2 file systems frozen')
      await session.thaw(machine, call)
      callMs.push(performance.now() - startedAt)
    }
    const log = (await inGuest('cat /run/hook.log')).split('\n').map((line) => line.split(' '))
    expect(log.map(([, phase]) => phase)).toEqual(Array.from({ length: rounds }, () => ['freeze', 'thaw']).flat())
    const uptimes = log.map(([uptime]) => Number(uptime) * 1000)
    const windowMs = uptimes.flatMap((end, index) => (index % 2 === 0 ? [] : [end - (uptimes[index - 1] ?? 0)]))
    process.stdout.write(
      `${rounds} windows, by the clock of the guest: ${spread(windowMs)}; ${spread(callMs)} with the guard\n`,
    )
    expect(windowMs.filter((ms) => ms < 5000).length).toBeGreaterThan(rounds / 2)
    const count = Number(await inGuest('cat /run/write-load-count'))
    await until(async () => Number(await inGuest('cat /run/write-load-count')) > count)
    await inGuest('touch /run/write-load-stop')
  })

  it('writes nothing while it is frozen, and can freeze one file system alone', async () => {
    const session = await open({ mountpoints: ['/mnt'] })
    const before = await inGuest(
      'setsid sh -c "sleep 1; echo a > /data/free; echo b > /mnt/held; echo done > /run/wrote" > /dev/null 2>&1 & echo begun',
    )
    expect(before).toBe('begun')
    expect(await session.freeze(machine, call)).toMatchObject({ detail: '1 file system frozen' })
    await delay(2500)
    await thawed(session)
    await until(async () => (await inGuest('cat /run/wrote')) === 'done')
    const [free, held] = (await inGuest('stat -c %Y /data/free /mnt/held')).split('\n').map(Number)
    expect((held ?? 0) - (free ?? 0)).toBeGreaterThanOrEqual(1)
  })

  it('whose freeze hook fails is not frozen', async () => {
    await inGuest('touch /run/hook-fail')
    const session = await open()
    expect(await errorOf(session.freeze(machine, call))).toMatchObject({
      code: 'E_FREEZE',
      message: expect.stringContaining('hook has failed with status 1'),
    })
    expect(await state()).toBe('thawed')
    await thawed(session)
  })

  it('whose freeze hook takes too long is thawed when it is done', async () => {
    await inGuest('echo 3 > /run/hook-sleep')
    const session = await open({ maxFreeze: '1s' })
    const startedAt = performance.now()
    expect(await errorOf(session.freeze(machine, call))).toMatchObject({ code: 'E_TIMEOUT' })
    expect(performance.now() - startedAt).toBeLessThan(2500)
    await thawed(session)
  })

  it('that was frozen before the run is told, and left alone', async () => {
    {
      await using agent = await connectGuestAgent({ path: qemu.agentPath })
      await agent.fsfreezeFreeze()
    }
    const session = await open()
    expect(await errorOf(session.freeze(machine, call))).toMatchObject({
      code: 'E_FREEZE',
      message: expect.stringContaining('frozen already'),
    })
    await session.thaw(machine, call)
    expect(await session.inspect?.(machine, call)).toBe('frozen')
    await session.thaw(machine, call)
    expect(await session.inspect?.(machine, call)).toBe('thawed')
  })

  it('whose agent hangs fails the thaw in time, and is thawed once it answers', async () => {
    await inGuest(
      'setsid sh -c "sleep 2; kill -STOP $(cat /run/qga.pid); sleep 6; kill -CONT $(cat /run/qga.pid)" > /dev/null 2>&1 &',
    )
    const session = await open({ timeout: '700ms', maxFreeze: '1h' })
    await session.freeze(machine, call)
    await delay(3000)
    const startedAt = performance.now()
    expect(await errorOf(session.thaw(machine, call))).toMatchObject({ code: 'E_THAW' })
    expect(performance.now() - startedAt).toBeLessThan(4000)
    await session[Symbol.asyncDispose]()
    await until(async () => (await guardsOf(process.pid)).length === 0, 20_000)
    expect(await state()).toBe('thawed')
  })

  it('is thawed when the run is killed inside the freeze', async () => {
    const owner = await startOwner(qemu.agentPath, '1h', 'frozen')
    owner.kill('SIGKILL')
    const killedAt = performance.now()
    // The guard holds the channel, which takes one client at a time: this waits until it has thawed and is gone.
    expect(await state()).toBe('thawed')
    process.stdout.write(`thawed ${(performance.now() - killedAt).toFixed(0)} ms after the run was killed\n`)
    await until(async () => !(await isRunning(owner.guard)))
    expect(await inGuest('cut -d " " -f 2 /run/hook.log')).toBe('freeze\nthaw')
  })

  it('is thawed when the run is stopped inside the freeze, at its longest freeze', async () => {
    const owner = await startOwner(qemu.agentPath, '3s', 'frozen')
    owner.kill('SIGSTOP')
    await until(async () => !(await isRunning(owner.guard)))
    expect(await state()).toBe('thawed')
  })

  it('has its channel to the guard alone while it is frozen', async () => {
    const session = await open()
    await session.freeze(machine, call)
    const other = connect(qemu.agentPath)
    const heard: Buffer[] = []
    other.on('data', (bytes) => heard.push(bytes))
    other.write(`${JSON.stringify({ execute: 'guest-fsfreeze-status' })}\n`)
    await delay(500)
    expect(heard).toEqual([])
    expect(await session.inspect?.(machine, call)).toBe('frozen')
    await session.thaw(machine, call)
    await until(() => Buffer.concat(heard).toString().includes('"thawed"'))
    other.destroy()
  })

  it('that dies inside the freeze fails the thaw in time', { timeout: bootMs + 60_000 }, async () => {
    const session = await open()
    await session.freeze(machine, call)
    qemu.kill('SIGKILL')
    await qemu.ended
    const startedAt = performance.now()
    expect(await errorOf(session.thaw(machine, call))).toMatchObject({
      code: 'E_THAW',
      message: expect.stringContaining('cannot be connected to'),
    })
    expect(performance.now() - startedAt).toBeLessThan(5000)
    expect(await errorOf(session.freeze(machine, call))).toMatchObject({ code: 'E_FREEZE' })
    await session.thaw(machine, call)
    await until(async () => (await guardsOf(process.pid)).length === 0)
    await boot()
  })
})

function spread(values: readonly number[]): string {
  const sorted = values.toSorted((a, b) => a - b)
  return `median ${sorted[Math.floor(sorted.length / 2)]?.toFixed(0)} ms, longest ${sorted.at(-1)?.toFixed(0)} ms`
}
