import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { copyFileSync, renameSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { run, skipsWithout } from 'holdfast-lab'
import { beforeEach, describe, expect, it } from 'vitest'
import { backups } from './support/backups.js'
import { machineRoot } from './support/machines.js'
import { qemuIo, qemuRead } from './support/qemu.js'

describe.skipIf(skipsWithout('qemu-utils'))('bitmaps that QEMU keeps', () => {
  let image = ''
  let backup: ReturnType<typeof backups>
  const bitmap = (...options: readonly string[]) => run('qemu-img', 'bitmap', ...options)
  const write = (at: string, file = image) => qemuIo(file, 'qcow2', `write -P ${serial++ % 255} ${at} 64k`)
  let serial = 1

  /** Backs up and compares with what QEMU reads. */
  const expectBackup = async (mode: string, reason: RegExp, dataBytes?: number, top = image) => {
    const disk = (await backup.take()).get('disk')!
    expect(disk).toMatchObject({ mode, reason: expect.stringMatching(reason) })
    if (dataBytes !== undefined) expect(disk.dataBytes).toBe(dataBytes)
    expect(Buffer.compare(disk.bytes, qemuRead(top, 'qcow2'))).toBe(0)
  }

  beforeEach(async () => {
    const root = machineRoot()
    image = join(root.folder('web'), 'disk.qcow2')
    run('qemu-img', 'create', '-q', '-f', 'qcow2', image, '8M')
    write('0')
    write('1M')
    bitmap('--add', image, 'day-1')
    write('2M')
    backup = backups(root.path, 'web')
    await expectBackup('full', /no earlier capture/, 3 * 65_536)
  })

  it('tell what was written since the last capture', async () => {
    write('3M')
    // What was dirty before the capture is so after it.
    await expectBackup('incremental', /^bitmap 'day-1' has recorded/, 2 * 65_536)
    await expectBackup('incremental', /untouched/, 0)
  })

  it('are chosen by how little they have dirty', async () => {
    bitmap('--add', image, 'day-2')
    await expectBackup('incremental', /'day-1'/, 65_536)
    write('3M')
    await expectBackup('incremental', /'day-2'/, 65_536)
  })

  it('do not count once they were cleared', async () => {
    bitmap('--clear', image, 'day-1')
    write('3M')
    await expectBackup('full', /'day-1' was cleared/)
  })

  it('do not count once they were cleared, however much was written since', async () => {
    bitmap('--clear', image, 'day-1')
    for (const at of ['3M', '4M', '5M', '6M']) write(at)
    await expectBackup('full', /'day-1' was cleared/)
  })

  it('do not count once they were removed, and an older one takes their place', async () => {
    bitmap('--add', image, 'day-2')
    await backup.take()
    bitmap('--remove', image, 'day-2')
    write('3M')
    await expectBackup('incremental', /'day-1'/, 2 * 65_536)
    bitmap('--remove', image, 'day-1')
    write('4M')
    await expectBackup('full', /'day-1' is gone/)
  })

  it('do not count when another one got their name', async () => {
    bitmap('--remove', image, 'day-1')
    write('3M')
    bitmap('--add', '-g', '4096', image, 'day-1')
    await expectBackup('full', /'day-1' has another granularity/)
  })

  it('do not count while they do not record', async () => {
    bitmap('--disable', image, 'day-1')
    write('3M')
    await expectBackup('full', /'day-1' was not closed properly or does not record/)
    bitmap('--enable', image, 'day-1')
    write('4M')
    // It recorded the last write, but nobody knows since when.
    await expectBackup('full', /no bitmap from then/)
  })

  it('do not count after a crash of QEMU', async () => {
    const qemu = spawn('qemu-io', ['-f', 'qcow2', image], { stdio: ['pipe', 'pipe', 'inherit'] })
    qemu.stdin.write('write -P 9 3M 64k\nflush\n')
    for (let output = ''; !output.includes('wrote'); ) output += String(await once(qemu.stdout, 'data'))
    const exited = once(qemu, 'exit')
    qemu.kill('SIGKILL')
    await exited
    await expectBackup('full', /'day-1' was not closed properly/)
  })

  it('of an image beneath count together with what newer images hold', async () => {
    write('3M')
    const child = `${image}.snap1`
    run('qemu-img', 'create', '-q', '-f', 'qcow2', '-b', image, '-F', 'qcow2', child)
    // As libvirt does it: the child goes on recording under the same name, and knows nothing of the time before.
    bitmap('--add', child, 'day-1')
    write('5M', child)
    await expectBackup('incremental', /'day-1' and one newer layer have/, 3 * 65_536, child)
    write('6M', child)
    await expectBackup('incremental', /'day-1' has/, 2 * 65_536, child)
  })

  it('survive that newer images are committed into the image', async () => {
    const child = `${image}.snap1`
    run('qemu-img', 'create', '-q', '-f', 'qcow2', '-b', image, '-F', 'qcow2', child)
    write('5M', child)
    run('qemu-img', 'commit', '-q', child)
    rmSync(child)
    await expectBackup('incremental', /'day-1' has/, 2 * 65_536)
  })

  it('know nothing of writes to a parent', async () => {
    const child = `${image}.snap1`
    run('qemu-img', 'create', '-q', '-f', 'qcow2', '-b', image, '-F', 'qcow2', child)
    bitmap('--add', child, 'day-2')
    await backup.take()
    write('6M')
    await expectBackup('full', /parents was written to/, undefined, child)
  })

  it('of a copy are not those of the image', async () => {
    write('3M')
    copyFileSync(image, `${image}.new`)
    renameSync(`${image}.new`, image)
    await expectBackup('full', /image was replaced/)
  })
})
