import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, rmSync } from 'node:fs'
import { setTimeout as delay } from 'node:timers/promises'
import type { Command } from '../measure/measure.ts'
import type { Contestant } from './contestant.ts'

/** One program that reads all of an NBD export and throws it away. */
export interface NbdRead {
  readonly label: string
  readonly settings: string
  readonly image: string
  readonly socket: string
  readonly command: (uri: string) => Command
}

/** Measures it against qemu-nbd on a unix socket. */
export function nbdRead({ label, settings, image, socket, command }: NbdRead): Contestant {
  const uri = `nbd+unix:///?socket=${socket}`
  let stop = async () => {}
  return {
    label,
    settings,
    async setUp() {
      stop = await serve(image, socket)
      return [image]
    },
    prepare: async () => command(uri),
    inspect: async () => ({}),
    tearDown: () => stop(),
  }
}

const startTimeoutMs = 10_000

async function serve(image: string, socket: string): Promise<() => Promise<void>> {
  rmSync(socket, { force: true })
  const args = ['--read-only', '--persistent', '--shared=16', '--format=raw', `--socket=${socket}`, image]
  const server = spawn('qemu-nbd', args, { stdio: ['ignore', 'ignore', 'inherit'] })
  const ended = once(server, 'close')
  const killNow = () => server.kill('SIGKILL')
  process.once('exit', killNow)
  for (const startedAt = performance.now(); !existsSync(socket); await delay(10)) {
    if (server.exitCode !== null || performance.now() - startedAt > startTimeoutMs) {
      killNow()
      throw new Error('qemu-nbd did not start')
    }
  }
  return async () => {
    process.off('exit', killNow)
    server.kill()
    await ended
    rmSync(socket, { force: true })
  }
}
