import { type ChildProcess, spawn } from 'node:child_process'
import { createHash } from 'node:crypto'
import { connect, createServer } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import { skipsWithout } from 'holdfast-lab'
import { describe } from 'vitest'

/** A suite that needs programs by other people that speak NBD, or make what they need. */
export const describeLive = describe.skipIf(
  skipsWithout('qemu-utils', 'libnbd-bin', 'python3-libnbd', 'nbdkit', 'fio', 'openssl'),
)

/** libnbd's own shell, run by Debian's Python: another one that comes first in `PATH` has no libnbd. A script follows. */
export const libnbdShell = ['/usr/bin/python3', '-m', 'nbd', '-c'] as const

/** What a program said. */
export interface Finished {
  readonly status: number | null
  readonly output: string
  readonly complaints: string
}

/** Runs a program to its end without blocking, as it may talk to a server in this process; it is ended after two minutes. */
export async function finish(program: string, ...args: readonly string[]): Promise<Finished> {
  const child = spawn(program, args, { stdio: ['ignore', 'pipe', 'pipe'] })
  const timer = setTimeout(() => child.kill('SIGKILL'), 120_000)
  let output = ''
  let complaints = ''
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    output += text
  })
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    complaints += text
  })
  const status = await new Promise<number | null>((resolve, reject) => child.on('error', reject).on('close', resolve))
  clearTimeout(timer)
  return { status, output, complaints }
}

/** Runs a program and returns its output; its error output becomes the message of what is thrown. */
export async function run(program: string, ...args: readonly string[]): Promise<string> {
  const { status, output, complaints } = await finish(program, ...args)
  if (status !== 0) throw new Error(`${program} ended with ${status}: ${complaints}${output}`)
  return output
}

/** A server that runs; it is stopped by its own process id. */
export interface RunningServer extends AsyncDisposable {
  readonly complaints: () => string
}

/** Starts a server in the foreground and waits until its socket is there, or `isReady` says so. */
export async function startServer(
  program: string,
  args: readonly string[],
  isReady: () => boolean | Promise<boolean>,
): Promise<RunningServer> {
  const child: ChildProcess = spawn(program, args, { stdio: ['ignore', 'ignore', 'pipe'] })
  let complaints = ''
  child.stderr?.setEncoding('utf8').on('data', (text: string) => {
    complaints += text
  })
  const ended = new Promise<void>((resolve) => child.on('error', () => resolve()).on('exit', () => resolve()))
  const stop = async () => {
    const timer = setTimeout(() => child.kill('SIGKILL'), 3000)
    child.kill('SIGTERM')
    await ended
    clearTimeout(timer)
  }
  for (let waitedMs = 0; !(await isReady()); waitedMs += 20) {
    if (child.exitCode !== null || waitedMs > 10_000) {
      await stop()
      throw new Error(`${program} did not start: ${complaints}`)
    }
    await sleep(20)
  }
  return { complaints: () => complaints, [Symbol.asyncDispose]: stop }
}

/** Starts a server on a unix socket. */
export async function startOnSocket(program: string, socket: string, args: readonly string[]): Promise<RunningServer> {
  return await startServer(program, args, () => isListening(socket))
}

/** Tells whether a connection is accepted: a socket has its file a moment before. */
async function isListening(socket: string): Promise<boolean> {
  const probe = connect(socket)
  const isOpen = await new Promise<boolean>((resolve) =>
    probe.once('connect', () => resolve(true)).once('error', () => resolve(false)),
  )
  probe.destroy()
  return isOpen
}

/** Finds a TCP port that is free now. */
export async function freePort(): Promise<number> {
  const server = createServer()
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const bound = server.address()
  await new Promise<void>((resolve) => server.close(() => resolve()))
  if (bound === null || typeof bound === 'string') throw new Error('There is no port.')
  return bound.port
}

/** SHA-256 of bytes. */
export function digest(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex')
}
