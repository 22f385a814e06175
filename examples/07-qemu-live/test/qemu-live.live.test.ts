import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { connectGuestAgent, connectQmp, queryBlockNodes } from '@holdfast/protocol-qmp'
import { skipsWithout } from 'holdfast-lab'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { copyLiveExample, type LiveExample } from './live-example.js'

describe.skipIf(skipsWithout('guest'))('a running machine', { timeout: 400_000 }, () => {
  let example: LiveExample
  const at = (...names: string[]) => join(example.folder, ...names)
  const holdfast = (...args: string[]) => example.run('holdfast', ...args)
  const points = async () => JSON.parse(await holdfast('list', '--json'))
  const inGuest = async (script: string) => {
    await using agent = await connectGuestAgent({ path: at('machines', 'web', 'agent.sock') })
    const { exitCode, stdout } = await agent.exec({ path: '/bin/sh', args: ['-c', script], captureOutput: true })
    expect(exitCode).toBe(0)
    return Buffer.from(stdout).toString()
  }
  beforeAll(async () => {
    example = copyLiveExample()
    await example.run('./make-vm.sh', 'web')
    await example.run('./start-vm.sh', 'web')
    await example.run('node', 'wait-for-agent.ts', 'machines/web/agent.sock')
    await holdfast('init')
  }, 400_000)
  afterAll(() => example[Symbol.asyncDispose]())

  it('is backed up while it runs, frozen by its agent; the second time by what changed', async () => {
    await holdfast('run', 'nightly')
    await inGuest('echo "written between two backups" > /data/note; sync')
    await holdfast('run', 'nightly')
    const [first, second] = await points()
    expect([first.consistency, second.consistency]).toEqual(['application', 'application'])
    const shown = JSON.parse(await holdfast('show', second.id, '--json'))
    expect(shown.point.disks).toMatchObject([{ tracking: { mode: 'incremental' } }])
    expect(await inGuest('dmesg | grep -c -e "I/O error" -e "EXT4-fs error" || true')).toBe('0\n')
  })

  it('is left as it was: no filters in QEMU, nothing in scratch, the bitmaps of the last two backups', async () => {
    await using monitor = await connectQmp({ path: at('machines', 'web', 'qmp.sock') })
    const nodes = await queryBlockNodes(monitor)
    expect(nodes.filter(({ nodeName }) => nodeName.startsWith('hf-'))).toEqual([])
    const disk = nodes.find(({ nodeName }) => nodeName === 'disk0')
    expect(disk?.bitmaps.map(({ name }) => name)).toEqual([
      expect.stringMatching(/^holdfast-/),
      expect.stringMatching(/^holdfast-/),
    ])
    expect(await readdir(at('scratch'))).toEqual([])
  })

  it('is proved to boot, and the evidence is kept', async () => {
    const printed = await holdfast('verify', '--boot', 'web@latest', '--probe', 'serial:VERIFY-OK * state=quiesced')
    expect(printed).toContain('boots on qemu')
    expect(await readdir(at('restored'))).toEqual([])
    expect(await holdfast('list')).toContain('boot ok')
  })

  it('comes back with what was written last, and a command that starts it', async () => {
    await example.stopMachine()
    await holdfast('restore', 'web@latest', '--to', 'restored', '--as', 'qcow2')
    const files = (await readdir(at('restored', 'web'))).sort()
    expect(files).toEqual(['machine.json', 'root.qcow2', 'start-qemu.sh', 'web.xml'])
    // The root file system as it was restored, before anything starts from it.
    await example.run('qemu-img', 'convert', '-O', 'raw', at('restored', 'web', 'root.qcow2'), at('restored.raw'))
    const place = `${at('restored.raw')}?offset=${65 * 2 ** 20}`
    expect(await example.run('debugfs', '-R', 'cat /data/note', place)).toBe('written between two backups\n')
    const console = at('restored.log')
    await example.startAgain('restored/web/start-qemu.sh', console)
    for (let waits = 0; waits < 800 && !(await readFile(console, 'utf8')).includes('GUEST-READY'); waits++)
      await delay(250)
    expect(await readFile(console, 'utf8')).toContain('VERIFY-OK 3 files state=quiesced')
  })
})
