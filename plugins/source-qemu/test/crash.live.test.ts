import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { mkdirSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { queryStatus } from '@holdfast/protocol-qmp'
import { skipsWithout, type TempFolder, tempFolder } from 'holdfast-lab'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { backedUp, bitmapsOf, openSource, traces } from './support/captures.js'
import { type LiveMachine, startMachine } from './support/live-machine.js'

const transports = ['pull', 'push'] as const

describe.skipIf(skipsWithout('qemu')).each(transports)('a backup by %s that is killed', (transport) => {
  let folder: TempFolder
  let machine: LiveMachine
  beforeEach(async () => {
    folder = tempFolder()
    machine = await startMachine(
      folder.path,
      'vm',
      [
        { id: 'root', format: 'qcow2', sizeMib: 8 },
        { id: 'data', format: 'raw', sizeMib: 4 },
      ],
      { isRunning: true },
    )
    for (const each of ['scratch', 'temp']) mkdirSync(folder.at(each))
    await machine.io('root', 'write -P 1 0 64k')
  })
  afterEach(async () => {
    await machine[Symbol.asyncDispose]()
    folder[Symbol.dispose]()
  })

  const filesIn = (...folders: readonly string[]) => folders.flatMap((each) => readdirSync(folder.at(each)))
  const scratchFiles = () => filesIn('scratch', 'temp')
  const isTidy = async () =>
    (await traces(machine)).length === 0 &&
    scratchFiles().length === 0 &&
    (await queryStatus(machine.monitor)).isRunning
  const soonTidy = async () => {
    for (let waits = 0; waits < 1200; waits++) {
      if (await isTidy()) return
      await delay(50)
    }
    expect([await traces(machine), scratchFiles(), await queryStatus(machine.monitor)]).toEqual('tidy')
  }
  const begin = (stage: string): ChildProcess =>
    spawn(process.execPath, [join(import.meta.dirname, 'support', 'capture-main.ts'), folder.path, stage, transport], {
      stdio: ['ignore', 'pipe', 'inherit'],
    })
  const reaches = (child: ChildProcess, stage: string) =>
    new Promise<void>((resolve, reject) => {
      child.once('exit', () => reject(new Error(`the backup ended before it was ${stage}`)))
      child.stdout?.on('data', (text: Buffer) => {
        if (text.toString().includes(stage)) resolve()
      })
    })
  const killed = async (child: ChildProcess) => {
    if (child.exitCode !== null || child.signalCode !== null) throw new Error('the backup ended by itself')
    const gone = new Promise((resolve) => child.once('exit', resolve))
    child.kill('SIGKILL')
    await gone
  }

  it.each(['prepared', 'taken'])('when it has %s is tidied up after by its janitor', async (stage) => {
    const child = begin(stage)
    await reaches(child, stage)
    expect((await traces(machine)).length).toBeGreaterThan(3)
    await killed(child)
    await soonTidy()
    expect(await machine.io('root', 'read -P 1 0 64k')).not.toContain('failed')
  })

  it('at any moment leaves a machine that runs, and nothing in QEMU', async () => {
    for (let round = 0; round < 12; round++) {
      const child = begin('loop')
      await reaches(child, 'prepared')
      await delay(round * 7)
      await killed(child)
      await soonTidy()
    }
  })

  it('with its janitor is tidied up after by the next run', async () => {
    const child = begin('taken')
    await reaches(child, 'taken')
    const janitors = readdirSync('/proc').filter((pid) => /^\d+$/.test(pid) && isJanitorOf(pid, child.pid ?? 0))
    expect(janitors.length).toBe(1)
    for (const pid of janitors) process.kill(Number(pid), 'SIGKILL')
    await killed(child)
    await delay(300)
    expect((await traces(machine)).length).toBeGreaterThan(3)
    const source = await openSource(folder.path, { transport }, { tempDir: folder.at('temp') })
    const next = await backedUp(source, 'vm')
    expect(next.tracking['dev-root']).toMatch(/^full/)
    await soonTidy()
    // That of the dead run, which nobody knows to be superfluous, and the new one.
    expect((await bitmapsOf(machine, 'root')).length).toBe(2)
  })

  it('before QEMU used the file that it made leaves neither file nor job, by the janitor or the next run', async () => {
    const makeFile = async (owner: string) => {
      const [id, filename] = [`hf-${owner}-scratch-0`, folder.at('scratch', 'hf-00000000-0.scratch')]
      const options = { driver: 'file', filename, size: 4096 }
      await machine.monitor.execute('blockdev-create', { 'job-id': id, options })
    }
    await makeFile('999999999-1')
    await backedUp(await openSource(folder.path, { transport }), 'vm')
    expect([await traces(machine), scratchFiles()]).toEqual([[], ['hf-00000000-0.scratch']])
    await makeFile('999999999-2')
    const told = [folder.at('vm', 'qmp.sock'), '999999999-2', folder.at('scratch', 'hf-00000000')]
    const janitor = join(import.meta.dirname, '..', 'dist', 'janitor.js')
    spawnSync(process.execPath, [janitor, 'tidy', ...told], { input: '', timeout: 20_000 })
    expect(await isTidy()).toBe(true)
  })

  it('while the machine stood still lets it go on with the next run at the latest', async () => {
    await machine.monitor.execute('object-add', { 'qom-type': 'throttle-group', id: 'hf-999999999-1-paused-0' })
    await machine.monitor.execute('stop')
    await backedUp(await openSource(folder.path), 'vm')
    await soonTidy()
  })

  it('is preceded by a moment for which the machine stands, and goes on: no disk of several is later than another', async () => {
    const seen: string[] = []
    const stop = machine.monitor.on(({ name }) => {
      if (name === 'STOP' || name === 'RESUME') seen.push(name)
    })
    await backedUp(await openSource(folder.path), 'vm')
    stop()
    expect(seen).toEqual(['STOP', 'RESUME'])
  })

  it('does not make a machine go on that somebody else stopped', async () => {
    await machine.monitor.execute('stop')
    await backedUp(await openSource(folder.path), 'vm')
    expect((await queryStatus(machine.monitor)).status).toBe('paused')
  })

  it('is not mistaken for one that lives', async () => {
    const child = begin('taken')
    await reaches(child, 'taken')
    // The second monitor is no way around the first backup.
    const beside = await openSource(folder.path, { monitor: folder.at('{name}/third.sock') })
    await expect(backedUp(beside, 'vm')).rejects.toMatchObject({ code: 'E_SOURCE_UNAVAILABLE', retry: 'transient' })
    const first = await openSource(folder.path, { timeoutMs: 500 })
    await expect(backedUp(first, 'vm')).rejects.toMatchObject({
      code: 'E_SOURCE_UNAVAILABLE',
      hint: expect.stringContaining('one client at a time'),
    })
    await killed(child)
    await soonTidy()
  })
})

function isJanitorOf(pid: string, owner: number): boolean {
  try {
    const line = readFileSync(`/proc/${pid}/cmdline`, 'latin1')
    return line.includes('janitor.js') && line.includes(`\0${owner}-`)
  } catch {
    return false
  }
}
