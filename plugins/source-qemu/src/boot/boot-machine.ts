import { type ChildProcessWithoutNullStreams, spawn } from 'node:child_process'
import { mkdtemp, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { type BootedMachine, type BootProbe, bootFailed, type Logger, type Machine } from '@holdfast/core'
import type { PlacedImage } from '@holdfast/machine-files'
import { pluginId, sourceError } from '../errors.js'
import { startJanitor } from '../janitor/start-janitor.js'
import { awaitProbe } from './await-probe.js'
import { type SerialLines, serialLines } from './serial-lines.js'

/** Where machines are booted. */
export interface BootHost {
  readonly boot: {
    readonly program: string
    readonly accelerator: string
    readonly uefiFirmware: string
    readonly maxMemoryBytes: number
  }
  readonly tempDir: string
  readonly logger: Logger
}

/** What to boot. */
export interface BootRequest {
  readonly machine: Machine
  readonly images: readonly PlacedImage[]
  readonly probe: BootProbe
}

/** Starts a machine without network over its images, which stay as they are, and waits for the probe. */
export async function bootMachine(
  { boot, tempDir, logger }: BootHost,
  { machine, images, probe }: BootRequest,
  signal: AbortSignal,
): Promise<BootedMachine> {
  signal.throwIfAborted()
  const { qemuArguments } = await import('@holdfast/descriptions/qemu')
  const folder = await mkdtemp(join(tempDir, 'boot-'))
  const agentPath = join(folder, 'agent.sock')
  const memoryBytes = Math.min(machine.memoryBytes ?? 2 ** 30, boot.maxMemoryBytes)
  const { args } = qemuArguments(
    { ...machine, memoryBytes },
    images.map(({ id, path, format }) => ({ id, file: path, imageFormat: format })),
    { accelerator: boot.accelerator, uefiFirmware: boot.uefiFirmware, discardsWrites: true },
  )
  const startedAt = performance.now()
  const running = startQemu(boot.program, [...args, ...isolation, ...channels(agentPath)], folder)
  const { child, console, ended } = running
  // Whoever starts a machine for a moment must not leave it behind.
  const janitor = child.pid === undefined ? undefined : startJanitor('kill', String(child.pid))
  let stopped: Promise<void> | undefined
  const stop = (): Promise<void> => {
    stopped ??= (async () => {
      child.kill('SIGKILL')
      await ended
      janitor?.dismiss()
      await rm(folder, { recursive: true, force: true })
    })()
    return stopped
  }
  const failed = (why: string, seen = console.seen()) => bootFailed(pluginId, probe, `${machine.name} ${why}`, seen)
  try {
    const evidence = await awaitProbe(probe, { console, agentPath, ended, failed }, signal)
    return { bootMs: performance.now() - startedAt, evidence, [Symbol.asyncDispose]: stop }
  } catch (error) {
    await stop()
    const { startFailure } = running
    if (startFailure() === undefined || signal.aborted) throw error
    logger.debug('QEMU did not start', { program: boot.program })
    throw sourceError('E_SOURCE_UNAVAILABLE', `${boot.program} could not be started.`, {
      operation: 'source.boot',
      hint: "Install QEMU, or name the program with the option 'boot.program'.",
      cause: startFailure(),
    })
  }
}

/** No network, no screen, no way to the host but its console and its agent's channel. */
const isolation = [
  '-nodefaults',
  '-nic',
  'none',
  '-display',
  'none',
  '-no-reboot',
  '-serial',
  'stdio',
  '-monitor',
  'none',
]

function channels(agentPath: string): readonly string[] {
  return [
    ...['-device', 'virtio-serial-pci', '-chardev', `socket,id=agent,path=${agentPath},server=on,wait=off`],
    ...['-device', 'virtserialport,chardev=agent,name=org.qemu.guest_agent.0'],
  ]
}

interface RunningQemu {
  readonly child: ChildProcessWithoutNullStreams
  readonly console: SerialLines
  /** Resolves with what QEMU complained of. */
  readonly ended: Promise<string>
  readonly startFailure: () => Error | undefined
}

const keptComplaints = 4096

function startQemu(program: string, args: readonly string[], folder: string): RunningQemu {
  // What the guest writes goes into files of QEMU's own making, which are in its temporary folder.
  const child = spawn(program, args, { stdio: 'pipe', env: { ...process.env, TMPDIR: folder } })
  const console = serialLines()
  let complaints = ''
  let failure: Error | undefined
  const { promise: ended, resolve } = Promise.withResolvers<string>()
  child.stdin.on('error', () => undefined)
  child.stdout.setEncoding('utf8').on('data', console.add)
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    complaints = (complaints + text).slice(-keptComplaints)
  })
  child.once('error', (error) => {
    failure = error
    resolve(error.message)
  })
  child.once('close', () => resolve(complaints))
  return { child, console, ended, startFailure: () => failure }
}
