import { spawn } from 'node:child_process'
import { existsSync } from 'node:fs'
import { setTimeout as delay } from 'node:timers/promises'
import { run } from 'holdfast-lab'

/** What qemu-img says of an image, without a look at its parent. */
export function imageInfo(path: string): Readonly<Record<string, unknown>> {
  const info: unknown = JSON.parse(run('qemu-img', 'info', '--output=json', path))
  return { ...Object(info) }
}

/** Shows a raw file over NBD on a unix socket, read-only, until it is disposed. */
export async function nbdExport(file: string, socket: string): Promise<AsyncDisposable> {
  const args = ['--socket', socket, '--format', 'raw', '--read-only', '--persistent', file]
  const server = spawn('qemu-nbd', args, { stdio: 'ignore' })
  const ended = new Promise((resolve) => server.once('close', resolve))
  for (let waits = 0; !existsSync(socket); waits++) {
    if (waits > 400 || server.exitCode !== null) throw new Error('qemu-nbd did not start')
    await delay(25)
  }
  return {
    [Symbol.asyncDispose]: async () => {
      server.kill()
      await ended
    },
  }
}
