import { mkdirSync, readdirSync, renameSync } from 'node:fs'
import { connect, createServer } from 'node:net'
import { BackupError } from '@holdfast/core'
import type { RunReport } from '@holdfast/core/engine'
import { connectGuestAgent, queryBlockExports, queryBlockNodes, queryObjectNames } from '@holdfast/protocol-qmp'
import { guestAgentQuiesce } from '@holdfast/quiesce-guest-agent'
import { type QemuSourceOptions, qemuSource } from '@holdfast/source-qemu'
import { faultySource, faultyTarget } from '@holdfast/testkit/faults'
import { memoryTarget } from '@holdfast/testkit/memory'
import { type GuestImage, makeGuest, mountTmpfs, skipsWithout, skipsWithoutTmpfs, tempFolder } from 'holdfast-lab'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { lab } from './support/lab.js'
import { type LiveGuest, makeGuestDisks, startGuest, whileFrozen } from './support/live-guest.js'

const itOnTmpfs = it.skipIf(skipsWithoutTmpfs())

describe.skipIf(skipsWithout('guest'))('a running guest', { timeout: 300_000 }, () => {
  const { path: folder, at } = tempFolder(afterAll)
  const { init, run } = lab()
  const source = (more: Partial<QemuSourceOptions> = {}) =>
    qemuSource({ monitor: at('vm-{name}', 'qmp.sock'), scratch: at('scratch'), timeoutMs: 5000, ...more })
  const agentHook = () => guestAgentQuiesce({ socket: at('vm-{name}', 'agent.sock'), consistency: 'application' })
  const modes = ({ machines }: RunReport) => machines[0]?.disks.map(({ tracking }) => tracking.mode)
  const reasons = ({ machines }: RunReport) => machines[0]?.disks.map(({ tracking }) => tracking.reason)
  let image: GuestImage
  beforeAll(async () => {
    mkdirSync(at('scratch'))
    image = await makeGuest(folder)
  }, 60_000)

  const booted = async (name: string) =>
    startGuest(folder, name, image.kernel, await makeGuestDisks(folder, name, image))
  const leftovers = async ({ monitor }: LiveGuest) => [
    ...(await queryBlockNodes(monitor)).map(({ nodeName }) => nodeName).filter((name) => name.startsWith('hf-')),
    ...(await queryBlockExports(monitor)).map(({ id }) => id),
    ...(await queryObjectNames(monitor)).filter((name) => name.startsWith('hf-')),
    ...readdirSync(at('scratch')),
  ]
  const frozenState = async ({ qemu }: LiveGuest) => {
    await using agent = await connectGuestAgent({ path: qemu.agentPath })
    return await agent.fsfreezeStatus()
  }
  const complaints = (guest: LiveGuest) => guest.shell('dmesg | grep -e "I/O error" -e "EXT4-fs error"')

  itOnTmpfs('notices nothing when the scratch folder is full: its backup fails, and nothing is left', async () => {
    using mount = mountTmpfs(at('small'), '4m')
    await using guest = await booted('vm-full')
    await guest.shell('dd if=/dev/urandom of=/mnt/before bs=1M count=24; sync')
    const target = { name: 't', plugin: memoryTarget() }
    await init(target)
    const overwriting = faultySource(source({ scratch: mount.path }), {
      before: async ({ operation, subject }) => {
        if (operation === 'extents' && subject === 'dev-data')
          await guest.shell('dd if=/dev/urandom of=/mnt/before bs=1M count=24 conv=notrunc,fsync')
      },
    })
    const report = await run(overwriting, [target], { select: { include: ['full'] } })
    expect(report.status).toBe('failed')
    expect(report.machines[0]?.error).toMatchObject({
      code: 'E_SOURCE_READ',
      message: expect.stringContaining('could not put aside what the guest overwrote'),
      hint: expect.stringContaining('is full'),
    })
    expect(await complaints(guest)).toBe('')
    expect([...(await leftovers(guest)), ...readdirSync(mount.path)]).toEqual([])
    expect(guest.qemu.serial.text()).not.toContain('I/O error')
  })

  it('goes on with its chain of backups in the QEMU that it was moved to', async () => {
    const disks = await makeGuestDisks(folder, 'vm-move', image)
    await using before = await startGuest(folder, 'vm-move', image.kernel, disks)
    const target = { name: 't', plugin: memoryTarget() }
    await init(target)
    const backUp = () => run(source(), [target], { select: { include: ['move'] }, quiesce: [agentHook()] })
    await before.startLoad()
    expect(modes(await backUp())).toEqual(['full', 'full'])
    expect(modes(await backUp())).toEqual(['incremental', 'incremental'])

    const stream = at('stream.sock')
    mkdirSync(at('next-move'))
    await using after = await startGuest(folder, 'next-move', image.kernel, disks, ['-incoming', `unix:${stream}`])
    for (const { monitor } of [before, after]) {
      const capabilities = [{ capability: 'dirty-bitmaps', state: true }]
      await monitor.execute('migrate-set-capabilities', { capabilities })
    }
    using moved = after.monitor.expectEvent(({ name }) => name === 'RESUME', { timeoutMs: 60_000 })
    await before.monitor.execute('migrate', { uri: `unix:${stream}` })
    await moved.event
    before.qemu.kill('SIGKILL')
    await before.qemu.ended
    renameSync(at('vm-move'), at('old-move'))
    renameSync(at('next-move'), at('vm-move'))

    const report = await backUp()
    expect(report.machines[0]?.error).toBeUndefined()
    expect(modes(report)).toEqual(['incremental', 'incremental'])
  })

  it('goes in full where a disk was resized or is new, and that disk alone', async () => {
    await using guest = await booted('vm-grow')
    const target = { name: 't', plugin: memoryTarget() }
    await init(target)
    const backUp = () => run(source(), [target], { select: { include: ['grow'] } })
    await backUp()
    await guest.monitor.execute('block_resize', { 'node-name': 'disk-data', size: 80 * 2 ** 20 })
    await guest.monitor.execute('blockdev-add', {
      driver: 'null-co',
      'node-name': 'disk-new',
      size: 2 ** 20,
      'read-zeroes': true,
    })
    await guest.monitor.execute('device_add', { driver: 'virtio-blk-pci', id: 'dev-new', drive: 'disk-new' })
    const report = await backUp()
    expect(report.status).toBe('done')
    expect(reasons(report)).toEqual([
      expect.stringMatching(/^changes since bitmap/),
      'the disk was resized from 67108864 to 83886080 bytes',
      'no earlier capture',
    ])
  })

  it('is thawed when the target dies, and when the monitor dies inside the freeze', async () => {
    await using guest = await booted('vm-fault')
    const select = { include: ['fault'] }
    const target = { name: 't', plugin: memoryTarget() }
    await init(target)
    const dead = () => new BackupError('E_TARGET_IO', 'The target is gone.')
    const failing = faultyTarget(target.plugin, {
      before: ({ operation, subject }) => {
        if (operation === 'put' && subject.startsWith('packs/')) throw dead()
      },
    })
    const first = await run(source(), [{ name: 't', plugin: failing }], { select, quiesce: [agentHook()] })
    expect(first.status).toBe('failed')
    expect([await frozenState(guest), await leftovers(guest)]).toEqual(['thawed', []])

    // A monitor that is cut off from outside, as by a network that fails.
    mkdirSync(at('vm-proxied'))
    const cut = new AbortController()
    const proxy = createServer((client) => {
      const monitor = connect(guest.qemu.qmpPath)
      client.pipe(monitor).pipe(client)
      for (const end of [client, monitor]) end.on('error', () => undefined)
      cut.signal.addEventListener('abort', () => {
        client.destroy()
        monitor.destroy()
      })
    })
    await new Promise<void>((resolve) => proxy.listen(at('vm-proxied', 'qmp.sock'), resolve))
    try {
      const second = await run(source(), [target], {
        select: { include: ['proxied'] },
        quiesce: [
          guestAgentQuiesce({ sockets: { proxied: guest.qemu.agentPath }, consistency: 'application' }),
          whileFrozen(async () => {
            expect(await guest.dirtyBytes('root', /none/)).toBe(0)
            cut.abort()
          }),
        ],
      })
      expect(second.machines[0]?.error?.code).toBe('E_SOURCE_UNAVAILABLE')
      expect(await frozenState(guest)).toBe('thawed')
    } finally {
      proxy.close()
    }
    // Of what the cut left in QEMU the next run takes care.
    const third = await run(source(), [target], { select, quiesce: [agentHook()] })
    expect(third.status).toBe('done')
    expect([await frozenState(guest), await leftovers(guest), await complaints(guest)]).toEqual(['thawed', [], ''])
  })
})
