import { closeSync, mkdirSync, openSync, readSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { connectGuestAgent, type GuestAgent } from '@holdfast/protocol-qmp'
import { bootGuest, type GuestImage, makeDataDisk, makeGuest, skipsWithout, startQemu, tempFolder } from 'holdfast-lab'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'

const bootMs = 120_000

describe.skipIf(skipsWithout('guest'))('the guest', { timeout: bootMs + 60_000 }, () => {
  const { path: folder } = tempFolder(afterAll)
  const data = join(folder, 'data.raw')
  let guest: GuestImage
  beforeAll(async () => {
    guest = await makeGuest(folder)
    await makeDataDisk(data, { sizeBytes: 2 ** 26 })
  }, 60_000)

  const disks = () => [
    { id: 'root', file: guest.disk, format: 'raw' as const, discardsWrites: true },
    { id: 'data', file: data, format: 'raw' as const, discardsWrites: true },
  ]
  const shell = async (agent: GuestAgent, script: string) =>
    Buffer.from((await agent.exec({ path: '/bin/sh', args: ['-c', script] })).stdout).toString()

  it('boots by itself, checks its files and powers off; the image stays as it is', async () => {
    const writtenAt = statSync(guest.disk).mtimeMs
    const output = await bootGuest({ file: guest.disk, format: 'raw', bus: 'sata' })
    expect(output).toContain('GUEST-ROOT /dev/sda2')
    expect(output).toContain('VERIFY-OK 3 files')
    expect(output).toMatch(/GUEST-READY up=[\s\S]*Power down/)
    expect(output).not.toContain('recovery')
    expect(statSync(guest.disk).mtimeMs).toBe(writtenAt)
  })

  it('boots from its kernel, and freezes both file systems with its hook at the word of its agent', async () => {
    await using qemu = await startQemu({ folder, agent: true, kernel: guest.kernel, disks: disks() })
    await qemu.serial.waitFor(/GUEST-READY/, bootMs)
    expect(qemu.serial.text()).toContain('GUEST-DATA /dev/vdb')
    await using agent = await connectGuestAgent({ path: qemu.agentPath })
    expect((await agent.fsInfo()).map(({ mountpoint }) => mountpoint).sort()).toEqual(['/', '/mnt'])
    await agent.exec({ path: '/bin/sh', args: ['-c', 'setsid write-load > /dev/null 2>&1 &'] })
    while (Number(await shell(agent, 'cat /run/write-load-count')) < 3) await delay(100)

    expect(await agent.fsfreezeFreeze()).toBe(2)
    expect(await agent.fsfreezeThaw()).toBe(2)

    expect(await shell(agent, 'cut -d " " -f 2 /run/hook.log')).toBe('freeze\nthaw\n')
    expect(await shell(agent, 'cat /data/.app-state')).toBe('running\n')
    expect(await shell(agent, 'ls /data/load /mnt/load')).toMatch(/file-1[\s\S]*file-1/)
    await agent.exec({ path: '/bin/touch', args: ['/run/hook-fail'] })
    await expect(agent.fsfreezeFreeze()).rejects.toThrow('hook has failed')
    expect(await agent.fsfreezeStatus()).toBe('thawed')
  })

  it('shows on its console that a file system was not left in order, and files that are not what they were', async () => {
    const own = join(folder, 'own')
    mkdirSync(own)
    const { disk, kernel } = await makeGuest(own)
    const root = [{ id: 'root', file: disk, format: 'raw' as const }]
    {
      await using qemu = await startQemu({ folder: own, agent: true, kernel, disks: root })
      await qemu.serial.waitFor(/GUEST-READY/, bootMs)
      await using agent = await connectGuestAgent({ path: qemu.agentPath })
      await shell(agent, 'echo more >> /data/one.bin; sync')
      qemu.kill('SIGKILL')
      await qemu.ended
    }
    expect(needsRecovery(disk)).toBe(true)
    await using qemu = await startQemu({ folder: own, kernel: { ...kernel, staysUp: false }, disks: root })
    await qemu.serial.waitFor(/reboot: Power down/, bootMs)
    await qemu.ended
    expect(needsRecovery(disk)).toBe(false)
    expect(qemu.serial.text()).toMatch(/EXT4-fs \(vda2\): recovery complete[\s\S]*one\.bin: FAILED[\s\S]*VERIFY-FAIL/)
  })
})

/** Tells whether the journal of the root has to be replayed (ext4, super block: s_feature_incompat, RECOVER). */
function needsRecovery(disk: string): boolean {
  const rootOffset = 65 * 2 ** 20
  const file = openSync(disk, 'r')
  const features = Buffer.alloc(4)
  readSync(file, features, 0, 4, rootOffset + 1024 + 0x60)
  closeSync(file)
  return (features.readUInt32LE() & 4) !== 0
}
