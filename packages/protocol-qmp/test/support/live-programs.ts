import { type ChildProcess, spawn } from 'node:child_process'
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { programEnvironment } from 'holdfast-lab'

/** A running program with its socket. */
export interface LiveProgram extends AsyncDisposable {
  readonly path: string
  /** Kills it without a chance to say goodbye. */
  readonly kill: () => void
  readonly hasExited: () => boolean
}

/** Starts a QEMU without a machine: its block layer and its monitor are all there. */
export async function startQemu(folder: string, ...more: readonly string[]): Promise<LiveProgram> {
  const path = join(folder, 'qmp.sock')
  const machine = ['-M', 'none', '-accel', 'tcg', '-nodefaults', '-display', 'none']
  return await start('qemu-system-x86_64', [...machine, '-qmp', `unix:${path},server=on,wait=off`, ...more], path)
}

/**
 * Starts a guest agent on this host, for want of a guest.
 *
 * It must never be able to freeze, to shut down or to change the host: all that could is blocked by its own option.
 */
export async function startGuestAgent(folder: string): Promise<LiveProgram> {
  const path = join(folder, 'ga.sock')
  const args = [
    '-m',
    'unix-listen',
    '-p',
    path,
    '-t',
    folder,
    '-f',
    join(folder, 'ga.pid'),
    '-l',
    join(folder, 'ga.log'),
  ]
  return await start('qemu-ga', [...args, `--block-rpcs=${blockedOnHost.join(',')}`], path)
}

/** Commands that a guest agent on this host refuses. */
export const blockedOnHost: readonly string[] = [
  'guest-fsfreeze-freeze',
  'guest-fsfreeze-freeze-list',
  'guest-shutdown',
  'guest-suspend-disk',
  'guest-suspend-ram',
  'guest-suspend-hybrid',
  'guest-set-time',
  'guest-set-user-password',
  // Harmless: it shows how a blocked command fails.
  'guest-get-osinfo',
]

async function start(program: string, args: readonly string[], path: string): Promise<LiveProgram> {
  const child = spawn(program, args, { env: programEnvironment(), stdio: ['ignore', 'ignore', 'pipe'] })
  let complaints = ''
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    complaints += text
  })
  for (let waits = 0; !existsSync(path); waits += 1) {
    if (hasExited(child) || waits > 400) {
      child.kill('SIGKILL')
      throw new Error(`${program} did not open ${path}: ${complaints}`)
    }
    await delay(25)
  }
  return {
    path,
    kill: () => child.kill('SIGKILL'),
    hasExited: () => hasExited(child),
    [Symbol.asyncDispose]: async () => {
      if (hasExited(child)) return
      const gone = new Promise((resolve) => child.once('exit', resolve))
      child.kill('SIGKILL')
      await gone
    },
  }
}

function hasExited(child: ChildProcess): boolean {
  return child.exitCode !== null || child.signalCode !== null
}
