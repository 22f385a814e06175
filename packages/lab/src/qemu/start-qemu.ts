import { type ChildProcess, spawn } from 'node:child_process'
import { closeSync, openSync, readSync } from 'node:fs'
import { connect } from 'node:net'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { programEnvironment } from '../programs/run.ts'
import { diskArguments, type LabDisk } from './disk-arguments.ts'
import { kernelCommandLine } from './kernel-command-line.ts'
import { type SerialConsole, serialConsole } from './serial-console.ts'

/** A kernel that QEMU boots itself, without BIOS and boot loader: `kernel` of a guest that was made. */
export interface DirectKernel {
  readonly image: string
  readonly initrd: string
  /** Whether the guest stays up after GUEST-READY, instead of powering off. @defaultValue true */
  readonly staysUp?: boolean
}

/** What to start. */
export interface QemuOptions {
  /** Existing folder for sockets, console and messages; one machine a folder. */
  readonly folder: string
  readonly disks: readonly LabDisk[]
  /** Whether there is a channel for a guest agent. @defaultValue false */
  readonly agent?: boolean
  /** @defaultValue none: the first disk boots by itself, where it can */
  readonly kernel?: DirectKernel
  /** @defaultValue 256 */
  readonly memoryMib?: number
  readonly extraArgs?: readonly string[]
  /** Whether the machine's processor waits for QMP `cont`: for what needs only disks and monitor. @defaultValue false */
  readonly paused?: boolean
}

/** A QEMU that runs. Disposing it kills it, if it still runs, and waits for its end. */
export interface RunningQemu extends AsyncDisposable {
  readonly pid: number
  /** Unix socket of the monitor; one client at a time. */
  readonly qmpPath: string
  /** Unix socket of the guest agent's channel; one client at a time. */
  readonly agentPath: string
  readonly serial: SerialConsole
  readonly kill: (signal: NodeJS.Signals) => void
  /** Resolves at the end with what QEMU said on its error output. Never rejects. */
  readonly ended: Promise<string>
}

const startTimeoutMs = 20_000
const longestMessages = 65_536
/** sun_path of unix(7), with the zero byte at its end. */
const longestSocketPath = 107

/**
 * Starts QEMU, emulated and without network, and resolves when its monitor answers.
 *
 * @throws Error with QEMU's words when it does not start
 */
export async function startQemu(options: QemuOptions): Promise<RunningQemu> {
  const { folder } = options
  const at = (name: string) => join(folder, name)
  const [qmpPath, agentPath, console, messages] = [at('qmp.sock'), at('agent.sock'), at('serial.log'), at('qemu.err')]
  if (Buffer.byteLength(agentPath) > longestSocketPath) throw new Error(`${agentPath} is too long for a unix socket`)

  const said = openSync(messages, 'w+')
  const child = spawn('qemu-system-x86_64', machineArguments(options, { qmpPath, agentPath, console }), {
    env: programEnvironment(),
    stdio: ['ignore', said, said],
  })
  let failure: Error | undefined
  const { promise: ended, resolve } = Promise.withResolvers<string>()
  const tell = () => {
    // By its descriptor: the folder may have been moved meanwhile.
    const text = Buffer.alloc(longestMessages)
    const length = readSync(said, text, 0, longestMessages, 0)
    closeSync(said)
    resolve(`${failure?.message ?? ''}${text.toString('utf8', 0, length)}`)
  }
  child.once('exit', tell)
  child.once('error', (error) => {
    failure ??= error
    if (child.pid === undefined) tell()
  })
  const hasEnded = () => failure !== undefined || child.exitCode !== null || child.signalCode !== null
  // A test that ends in disorder must not leave a machine behind.
  const killNow = () => child.kill('SIGKILL')
  process.once('exit', killNow)
  void ended.then(() => process.off('exit', killNow))

  const stop = async () => {
    if (!hasEnded()) child.kill('SIGKILL')
    await ended
  }
  await untilAnswers(qmpPath, hasEnded).catch(async (error: unknown) => {
    await stop()
    throw new Error(`QEMU did not start: ${await ended}`, { cause: error })
  })
  return {
    pid: pidOf(child),
    qmpPath,
    agentPath,
    serial: serialConsole(console, hasEnded),
    kill: (signal) => child.kill(signal),
    ended,
    [Symbol.asyncDispose]: stop,
  }
}

interface Places {
  readonly qmpPath: string
  readonly agentPath: string
  readonly console: string
}

function machineArguments(options: QemuOptions, { qmpPath, agentPath, console }: Places): readonly string[] {
  const { disks, agent = false, kernel, memoryMib = 256, extraArgs = [], paused = false } = options
  const socket = (path: string) => `${path.replaceAll(',', ',,')},server=on,wait=off`
  return [
    // Never KVM: the same machine on every host.
    ...['-accel', 'tcg', '-machine', 'pc', '-m', String(memoryMib), '-nodefaults', '-no-reboot', '-display', 'none'],
    ...['-serial', `file:${console}`, '-qmp', `unix:${socket(qmpPath)}`],
    ...(agent
      ? [
          ...['-device', 'virtio-serial-pci', '-chardev', `socket,id=agent,path=${socket(agentPath)}`],
          ...['-device', 'virtserialport,chardev=agent,name=org.qemu.guest_agent.0'],
        ]
      : []),
    ...diskArguments(disks),
    ...(kernel === undefined ? [] : ['-kernel', kernel.image, '-initrd', kernel.initrd]),
    ...(kernel === undefined ? [] : ['-append', kernelCommandLine({ staysUp: kernel.staysUp ?? true })]),
    ...(paused ? ['-S'] : []),
    ...extraArgs,
  ]
}

/** The socket is there, and greets, before QEMU has gone through all its arguments; it takes commands after that only. */
async function untilAnswers(path: string, hasEnded: () => boolean): Promise<void> {
  const endsAt = performance.now() + startTimeoutMs
  while (!(await answers(path, endsAt - performance.now()))) {
    if (hasEnded()) throw new Error('QEMU has ended')
    if (performance.now() >= endsAt) throw new Error('Its monitor does not answer')
    await delay(10)
  }
}

function answers(path: string, timeoutMs: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(path)
    let heard = ''
    const end = (isThere: boolean) => {
      socket.destroy()
      resolve(isThere)
    }
    socket.setTimeout(Math.max(1, timeoutMs), () => end(false))
    socket.setEncoding('utf8').on('data', (text: string) => {
      heard += text
      if (heard.includes('"return"')) end(true)
    })
    socket.once('connect', () => socket.write('{"execute":"qmp_capabilities"}\n'))
    socket.once('error', () => end(false))
    socket.once('close', () => resolve(false))
  })
}

function pidOf({ pid }: ChildProcess): number {
  if (pid === undefined) throw new Error('QEMU has no process id')
  return pid
}
