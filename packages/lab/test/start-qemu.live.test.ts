import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { connectQmp, queryBlockDevices, queryBlockNodes, queryStatus } from '@holdfast/protocol-qmp'
import { skipsWithout, startQemu, tempFolder } from 'holdfast-lab'
import { beforeEach, describe, expect, it, onTestFinished } from 'vitest'

describe.skipIf(skipsWithout('qemu'))('a QEMU without a guest', () => {
  let folder = ''
  beforeEach(() => {
    folder = tempFolder(onTestFinished).path
  })

  const disk = (id: string, bus: 'virtio' | 'scsi' | 'sata' | 'ide') => {
    const file = join(folder, `${id}, with a comma.raw`)
    writeFileSync(file, new Uint8Array(2 ** 20))
    return { id, file, format: 'raw' as const, bus }
  }

  it('has the disks as nodes and devices of known names, on every bus', async () => {
    const disks = [disk('a', 'virtio'), disk('b', 'scsi'), disk('c', 'sata'), disk('d', 'ide')]
    await using qemu = await startQemu({ folder, disks, paused: true })
    await using qmp = await connectQmp({ path: qemu.qmpPath })
    expect(await queryStatus(qmp)).toMatchObject({ status: 'prelaunch' })
    const nodes = (await queryBlockNodes(qmp)).map(({ nodeName }) => nodeName)
    for (const { id } of disks) expect(nodes).toEqual(expect.arrayContaining([`disk-${id}`, `f-${id}`]))
    const devices = (await queryBlockDevices(qmp)).map(({ qdev }) => qdev ?? '')
    for (const { id } of disks) expect(devices.some((path) => path.includes(`dev-${id}`))).toBe(true)
  })

  it('that does not start tells why', async () => {
    const absent = [{ id: 'a', file: join(folder, 'absent.raw'), format: 'raw' as const }]
    await expect(startQemu({ folder, disks: absent })).rejects.toThrow(/absent\.raw.*No such file/)
    await expect(startQemu({ folder, disks: [], extraArgs: ['-no-such-option'] })).rejects.toThrow('no-such-option')
    await expect(startQemu({ folder: join(folder, 'x'.repeat(100)), disks: [] })).rejects.toThrow('too long')
  })

  it('ends when it is killed or disposed, and those who wait for its console are told', async () => {
    const qemu = await startQemu({ folder, disks: [], paused: true })
    await expect(qemu.serial.waitFor(/never/, 50)).rejects.toThrow('50 ms have passed')
    const startedAt = performance.now()
    const waiting = qemu.serial.waitFor(/never/, 20_000)
    qemu.kill('SIGTERM')
    await expect(waiting).rejects.toThrow('QEMU has ended')
    expect(performance.now() - startedAt).toBeLessThan(10_000)
    expect(await qemu.ended).toContain('terminating on signal 15')
    const again = await startQemu({ folder, disks: [], paused: true })
    await again[Symbol.asyncDispose]()
    await qemu[Symbol.asyncDispose]()
    expect(() => process.kill(again.pid, 0)).toThrow('ESRCH')
  })
})
