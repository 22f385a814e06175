import { execFileSync } from 'node:child_process'
import { existsSync, mkdirSync, readFileSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { connectQmp, type QmpSession, queryBlockDevices } from '@holdfast/protocol-qmp'
import { type RunningQemu, startQemu } from 'holdfast-lab'

/** A disk of a machine for tests. */
export interface LiveDisk {
  readonly id: string
  readonly format: 'raw' | 'qcow2'
  readonly sizeMib: number
}

/** A running QEMU whose machine has disks and no guest: its writes are those that a test makes at the guest's devices. */
export interface LiveMachine extends AsyncDisposable {
  readonly name: string
  readonly qemu: RunningQemu
  /** A second monitor: the first is the plugin's alone. There is a third, `third.sock`. */
  readonly monitor: QmpSession
  readonly file: (disk: string) => string
  /** Runs a command of qemu-io at the device, as the guest would: `write -P 7 0 64k`. */
  readonly io: (disk: string, command: string) => Promise<string>
  /** The disk as the guest reads it. */
  readonly content: (disk: string) => Promise<Buffer>
}

/** What may be otherwise. */
export interface MachineOptions {
  /** Its processor runs, although there is nothing to boot. */
  readonly isRunning?: boolean
  readonly extraArgs?: readonly string[]
}

/** Starts a machine below a folder; images that are not there yet are made. */
export async function startMachine(
  parent: string,
  name: string,
  disks: readonly LiveDisk[],
  { isRunning = false, extraArgs = [] }: MachineOptions = {},
): Promise<LiveMachine> {
  const folder = join(parent, name)
  mkdirSync(folder, { recursive: true })
  const formatOf = (disk: string) => disks.find(({ id }) => id === disk)?.format ?? 'raw'
  const file = (disk: string) => join(folder, `${disk}.${formatOf(disk)}`)
  for (const { id, format, sizeMib } of disks)
    if (!existsSync(file(id))) execFileSync('qemu-img', ['create', '-q', '-f', format, file(id), `${sizeMib}M`])
  const second = join(folder, 'test.sock')
  const qemu = await startQemu({
    folder,
    disks: disks.map(({ id, format }) => ({ id, format, file: file(id) })),
    memoryMib: 32,
    paused: !isRunning,
    extraArgs: [
      ...[second, join(folder, 'third.sock')].flatMap((path) => ['-qmp', `unix:${path},server=on,wait=off`]),
      ...extraArgs,
    ],
  })
  const monitor = await connectQmp({ path: second })
  const io = async (disk: string, command: string): Promise<string> => {
    const devices = await queryBlockDevices(monitor)
    const device = devices.find(({ qdev }) => qdev?.includes(`/dev-${disk}/`) === true || qdev === `dev-${disk}`)
    if (device?.qdev === undefined) throw new Error(`no disk ${disk}`)
    const line = `qemu-io -d ${device.qdev} "${command}"`
    return String(await monitor.execute('human-monitor-command', { 'command-line': line }))
  }
  return {
    name,
    qemu,
    monitor,
    file,
    io,
    content: async (disk) => {
      await io(disk, 'flush')
      const copy = join(folder, `${disk}.content`)
      execFileSync('qemu-img', ['convert', '-U', '-f', formatOf(disk), '-O', 'raw', file(disk), copy])
      const bytes = readFileSync(copy)
      rmSync(copy)
      return bytes
    },
    [Symbol.asyncDispose]: async () => {
      await monitor[Symbol.asyncDispose]()
      await qemu[Symbol.asyncDispose]()
    },
  }
}
