import { execFileSync } from 'node:child_process'
import { copyFileSync, mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { defineQuiesce, type QuiescePlugin } from '@holdfast/core'
import {
  connectGuestAgent,
  connectQmp,
  type QmpSession,
  queryBlockDevices,
  queryBlockNodes,
} from '@holdfast/protocol-qmp'
import { type DirectKernel, type GuestImage, makeDataDisk, type RunningQemu, startQemu } from 'holdfast-lab'

/** The disks of the guest: a QCOW2 root, and a raw disk with one file system. */
export interface GuestDisks {
  readonly root: string
  readonly data: string
}

/** A hook that does something while those before it hold the guest frozen. */
export function whileFrozen(action: () => Promise<void>): QuiescePlugin {
  return defineQuiesce({
    id: 'meanwhile',
    capabilities: { channel: 'host' },
    open: async () => ({
      freeze: async () => {
        await action()
        return { consistency: 'crash' as const }
      },
      thaw: async () => {},
      [Symbol.asyncDispose]: async () => {},
    }),
  })
}

/** A running guest with two disks. */
export interface LiveGuest extends AsyncDisposable {
  readonly qemu: RunningQemu
  readonly disks: GuestDisks
  /** A monitor beside the one that Holdfast has. */
  readonly monitor: QmpSession
  /** Runs a script in the guest and returns what it printed. */
  readonly shell: (script: string) => Promise<string>
  readonly startLoad: () => Promise<void>
  readonly stopLoad: () => Promise<void>
  /** Copies the disks as they are now, for a guest that stands still. */
  readonly copyDisks: (to: string) => Promise<GuestDisks>
  /** Bytes that a bitmap of a disk calls dirty. */
  readonly dirtyBytes: (disk: keyof GuestDisks, bitmap: RegExp) => Promise<number>
}

/** Makes the disks of a guest in a folder of its own, `<parent>/<name>`. */
export async function makeGuestDisks(parent: string, name: string, { disk }: GuestImage): Promise<GuestDisks> {
  const folder = join(parent, name)
  mkdirSync(folder, { recursive: true })
  const disks = { root: join(folder, 'root.qcow2'), data: join(folder, 'data.raw') }
  execFileSync('qemu-img', ['convert', '-O', 'qcow2', disk, disks.root])
  await makeDataDisk(disks.data, { sizeBytes: 64 * 2 ** 20 })
  return disks
}

/** Boots the guest of a folder and waits until it is ready. */
export async function startGuest(
  parent: string,
  name: string,
  kernel: DirectKernel,
  disks: GuestDisks,
  extraArgs: readonly string[] = [],
): Promise<LiveGuest> {
  const folder = join(parent, name)
  const second = join(folder, 'test.sock')
  const qemu = await startQemu({
    folder,
    kernel,
    agent: true,
    disks: [
      { id: 'root', file: disks.root, format: 'qcow2' },
      { id: 'data', file: disks.data, format: 'raw' },
    ],
    extraArgs: ['-qmp', `unix:${second},server=on,wait=off`, ...extraArgs],
  })
  if (!extraArgs.includes('-incoming')) await qemu.serial.waitFor(/GUEST-READY/, 120_000)
  const monitor = await connectQmp({ path: second })
  const shell = async (script: string) => {
    await using agent = await connectGuestAgent({ path: qemu.agentPath })
    return Buffer.from((await agent.exec({ path: '/bin/sh', args: ['-c', script] })).stdout).toString()
  }
  return {
    qemu,
    disks,
    monitor,
    shell,
    startLoad: async () => {
      await shell('rm -f /run/write-load-stop /run/write-load-count; setsid write-load > /dev/null 2>&1 &')
      while (Number(await shell('cat /run/write-load-count')) < 3) await delay(100)
    },
    stopLoad: async () => {
      await shell('touch /run/write-load-stop; while pidof dd; do usleep 50000; done; sync')
    },
    copyDisks: async (to) => {
      mkdirSync(to, { recursive: true })
      for (const { qdev } of await queryBlockDevices(monitor))
        if (qdev !== undefined)
          await monitor.execute('human-monitor-command', { 'command-line': `qemu-io -d ${qdev} flush` })
      const copies = { root: join(to, 'root.raw'), data: join(to, 'data.raw') }
      execFileSync('qemu-img', ['convert', '-U', '-f', 'qcow2', '-O', 'raw', disks.root, copies.root])
      copyFileSync(disks.data, copies.data)
      return copies
    },
    dirtyBytes: async (disk, pattern) => {
      const nodes = await queryBlockNodes(monitor)
      const bitmaps = nodes.find(({ nodeName }) => nodeName === `disk-${disk}`)?.bitmaps ?? []
      return bitmaps.find(({ name }) => pattern.test(name))?.dirtyBytes ?? 0
    },
    [Symbol.asyncDispose]: async () => {
      await monitor[Symbol.asyncDispose]()
      await qemu[Symbol.asyncDispose]()
    },
  }
}
