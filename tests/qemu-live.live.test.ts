import { execFileSync, spawnSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import type { RunReport } from '@holdfast/core/engine'
import { guestAgentQuiesce } from '@holdfast/quiesce-guest-agent'
import { qemuSource } from '@holdfast/source-qemu'
import { memoryTarget } from '@holdfast/testkit/memory'
import { bootGuest, type GuestImage, makeGuest, skipsWithout, tempFolder } from 'holdfast-lab'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { lab } from './support/lab.js'
import { type GuestDisks, makeGuestDisks, startGuest, whileFrozen } from './support/live-guest.js'

const mebibyte = 2 ** 20
/** Where the root file system begins on the guest's first disk. */
const rootOffset = 65 * mebibyte

describe.skipIf(skipsWithout('guest'))('a running guest', { timeout: 300_000 }, () => {
  const { path: folder, at } = tempFolder(afterAll)
  const { init, run, points, restore } = lab()
  const source = (transport: 'pull' | 'push' = 'pull') =>
    qemuSource({ monitor: at('vm-{name}', 'qmp.sock'), scratch: at('scratch'), transport })
  let image: GuestImage
  beforeAll(async () => {
    mkdirSync(at('scratch'))
    image = await makeGuest(folder)
  }, 60_000)

  const agentHook = () => guestAgentQuiesce({ socket: at('vm-{name}', 'agent.sock'), consistency: 'application' })

  const restoredDisks = async (target: Parameters<typeof points>[0], to: string): Promise<GuestDisks> => {
    const newest = (await points(target)).at(-1)
    if (newest === undefined) throw new Error('no point')
    const disks = await restore(target, newest.point)
    mkdirSync(to, { recursive: true })
    const write = (disk: string) => {
      const file = join(to, `${disk}.raw`)
      writeFileSync(file, disks.get(`dev-${disk}`) ?? '')
      return file
    }
    return { root: write('root'), data: write('data') }
  }
  const digest = (file: string) => createHash('sha256').update(readFileSync(file)).digest('hex')
  const fsck = (file: string, offset: number): readonly [number | null, string] => {
    const part = `${file}.part`
    execFileSync('dd', [`if=${file}`, `of=${part}`, 'bs=1M', `skip=${offset / mebibyte}`, 'status=none'])
    const { status, stdout } = spawnSync('e2fsck', ['-fn', part], { encoding: 'utf8' })
    const superblock = spawnSync('dumpe2fs', ['-h', part], { encoding: 'utf8' }).stdout
    rmSync(part)
    return [status, stdout + superblock]
  }
  const modes = ({ machines }: RunReport) => machines[0]?.disks.map(({ tracking }) => tracking.mode)

  it.each([
    ['pull', 4],
    ['push', 2],
  ] as const)(
    'is backed up by %s, in full and then by its changes while it writes, each time as it was when it was frozen',
    async (transport, rounds) => {
      const name = `load-${transport}`
      const disks = await makeGuestDisks(folder, `vm-${name}`, image)
      await using guest = await startGuest(folder, `vm-${name}`, image.kernel, disks)
      const target = { name: 't', plugin: memoryTarget() }
      await init(target)
      await guest.startLoad()
      for (let round = 0; round < rounds; round++) {
        let copies: GuestDisks | undefined
        let dirty = 0
        const look = async () => {
          copies = await guest.copyDisks(at('reference'))
          dirty = (await guest.dirtyBytes('root', /^holdfast/)) + (await guest.dirtyBytes('data', /^holdfast/))
        }
        const report = await run(source(transport), [target], {
          quiesce: [agentHook(), whileFrozen(look)],
          select: { include: [name] },
        })
        expect(report.machines[0]?.error).toBeUndefined()
        expect(report).toMatchObject({ status: 'done', machines: [{ consistency: 'application' }] })
        expect(modes(report)).toEqual(round === 0 ? ['full', 'full'] : ['incremental', 'incremental'])
        const restored = await restoredDisks(target, at('restored'))
        expect([digest(restored.root), digest(restored.data)]).toEqual([
          digest(copies?.root ?? ''),
          digest(copies?.data ?? ''),
        ])
        const read = report.machines[0]?.disks.reduce((sum, { readBytes }) => sum + readBytes, 0) ?? 0
        if (round > 0) {
          expect(dirty).toBeGreaterThan(0)
          expect(read / dirty).toBeLessThan(1.2)
        }
        process.stdout.write(`${transport}, round ${round}: ${modes(report)}, ${dirty} bytes dirty, ${read} read\n`)
        for (const [file, offset] of [
          [restored.root, rootOffset],
          [restored.data, 0],
        ] as const) {
          const [status, text] = fsck(file, offset)
          expect([status, text.includes('needs_recovery')]).toEqual([0, false])
        }
        await delay(1500)
      }
      const output = await bootGuest({ file: at('restored', 'root.raw'), format: 'raw', bus: 'virtio' })
      expect(output).toContain('VERIFY-OK 3 files state=quiesced')
      expect(output).not.toContain('recovery')
      expect(await guest.shell('dmesg | grep -c -e "I/O error" -e "EXT4-fs error"')).toBe('0\n')
    },
  )

  it('is frozen for a moment only, twenty times', async () => {
    const disks = await makeGuestDisks(folder, 'vm-brief', image)
    await using guest = await startGuest(folder, 'vm-brief', image.kernel, disks)
    const target = { name: 't', plugin: memoryTarget() }
    await init(target)
    await guest.startLoad()
    const frozenMs: number[] = []
    for (let round = 0; round < 20; round++) {
      const report = await run(source(), [target], { quiesce: [agentHook()], select: { include: ['brief'] } })
      expect(report).toMatchObject({ status: 'done', machines: [{ consistency: 'application' }] })
      frozenMs.push(report.machines[0]?.frozenMs ?? Number.NaN)
    }
    frozenMs.sort((a, b) => a - b)
    process.stdout.write(`frozen in 20 runs: median ${frozenMs[10]} ms, longest ${frozenMs[19]} ms\n`)
    expect(await guest.shell('grep -c freeze /run/hook.log; grep -c thaw /run/hook.log')).toBe('20\n20\n')
  })

  it('needs its journal without the hook', async () => {
    const disks = await makeGuestDisks(folder, 'vm-crash', image)
    await using guest = await startGuest(folder, 'vm-crash', image.kernel, disks)
    const target = { name: 't', plugin: memoryTarget() }
    await init(target)
    await guest.startLoad()
    const report = await run(source(), [target], { select: { include: ['crash'] } })
    expect(report).toMatchObject({ status: 'done', machines: [{ consistency: 'crash' }] })
    const restored = await restoredDisks(target, at('crashed'))
    expect(fsck(restored.root, rootOffset)[1]).toContain('needs_recovery')
    const output = await bootGuest({ file: restored.root, format: 'raw', bus: 'virtio' })
    expect(output).toContain('recovery complete')
    expect(output).toContain('VERIFY-OK 3 files state=none')
  })
})
