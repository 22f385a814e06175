import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdirSync, renameSync } from 'node:fs'
import { connectQmp, runJob } from '@holdfast/protocol-qmp'
import { makeGuest, skipsWithout } from 'holdfast-lab'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { finish, run, type ServeSite, serveSite } from './support/serve-site.js'

/** Emulated, without network; the guest powers itself off when it has checked its files. */
const machine = [
  ...['-accel', 'tcg', '-machine', 'pc', '-m', '512', '-nic', 'none', '-no-reboot', '-display', 'none'],
  ...['-serial', 'stdio', '-monitor', 'none'],
]

describe.skipIf(skipsWithout('guest'))('a machine that is booted from its backup', () => {
  let site: ServeSite

  beforeAll(async () => {
    site = serveSite()
    mkdirSync(site.at('machines', 'web'))
    mkdirSync(site.at('guest'))
    renameSync((await makeGuest(site.at('guest'))).disk, site.at('machines', 'web', 'root.raw'))
    site.holdfast('init')
    site.holdfast('run')
  }, 180_000)
  afterAll(() => site?.[Symbol.asyncDispose]())

  const boot = async (drive: string): Promise<number> => {
    const { output, elapsedMs } = await finish('qemu-system-x86_64', [...machine, '-drive', drive], 120_000)
    expect(output).toContain('VERIFY-OK 3 files')
    expect(output).toContain('GUEST-READY')
    return elapsedMs
  }

  it('comes up nearly as fast as from a raw file, and as well from a target that is late', {
    timeout: 500_000,
  }, async () => {
    const before = site.vaultDigest()
    const rawMs = await boot(`file=${site.at('machines', 'web', 'root.raw')},format=raw,if=virtio,snapshot=on`)
    const times = [`raw file: ${seconds(rawMs)}`]
    const booted: number[] = []
    for (const [name, args] of [
      ['folder', []],
      ['5 ms late', ['-c', 'late.config.mjs']],
    ] as const) {
      await using server = await site.serve('web@latest', ...args)
      const ms = await boot(`file=${server.uri('root')},format=raw,if=virtio`)
      booted.push(ms)
      times.push(`served, ${name}: ${seconds(ms)}`)
      expect(await server.stop()).toBe(0)
      const [, written = ''] = /root: .* read, (.*) written/.exec(server.printed()) ?? []
      expect(written).not.toBe('0 B')
    }
    process.stdout.write(`boot: ${times.join(', ')}\n`)
    // The aim is 1.5 times; on a busy machine the same boot takes twice as long from one time to the next.
    for (const ms of booted) expect(ms).toBeLessThan(4 * rawMs)
    expect(site.vaultDigest()).toBe(before)
  })

  it('moves to a local disk while it runs, and goes on when the server is gone', { timeout: 300_000 }, async () => {
    await using server = await site.serve('web@latest')
    const [disk, monitor] = [site.at('moved.qcow2'), site.at('qmp.sock')]
    await run('qemu-img', 'create', '-q', '-f', 'qcow2', '-b', server.uri('root'), '-F', 'raw', disk)
    const qemu = spawn('qemu-system-x86_64', [
      ...machine,
      ...['-qmp', `unix:${monitor},server=on,wait=off`, '-S', '-device', 'virtio-blk-pci,drive=top'],
      ...['-blockdev', `driver=qcow2,node-name=top,file.driver=file,file.filename=${disk}`],
    ])
    const timer = setTimeout(() => qemu.kill('SIGKILL'), 200_000)
    let output = ''
    for (const stream of [qemu.stdout, qemu.stderr])
      stream.setEncoding('latin1').on('data', (text: string) => {
        output += text
      })
    const ended = once(qemu, 'close')
    try {
      await expect.poll(() => existsSync(monitor), { timeout: 20_000 }).toBe(true)
      {
        await using qmp = await connectQmp({ path: monitor })
        await qmp.execute('cont')
        const start = () => qmp.execute('block-stream', { 'job-id': 'move', device: 'top', 'auto-dismiss': false })
        await runJob(qmp, { id: 'move', start })
      }
      expect(output).not.toContain('GUEST-READY')
      expect(await server.stop()).toBe(0)
      await ended
    } finally {
      clearTimeout(timer)
      qemu.kill('SIGKILL')
    }
    expect(output).toContain('VERIFY-OK 3 files')
    expect(output).toContain('GUEST-READY')
    const info = JSON.parse(await run('qemu-img', 'info', '--output=json', disk))
    expect(info['backing-filename']).toBeUndefined()
    await run('qemu-img', 'check', '-q', disk)
  })
})

function seconds(ms: number): string {
  return `${(ms / 1000).toFixed(1)} s`
}
