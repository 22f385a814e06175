import { execFileSync, spawn, spawnSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import { setTimeout as delay } from 'node:timers/promises'
import { describe } from 'vitest'

const missing = ['qemu-img', 'qemu-nbd'].filter((program) => spawnSync(program, ['--version']).error !== undefined)
const isRequired = process.env['HOLDFAST_TEST_REQUIRE'] === 'all'
if (missing.length > 0 && !isRequired)
  process.stdout.write(`SKIPPED: ${missing.join(' and ')} missing; apt-get install qemu-utils\n`)

/** A suite that needs QEMU's tools: skipped aloud where they are missing, failed where they are required. */
export const describeWithQemu: typeof describe | ReturnType<typeof describe.skipIf> = describe.skipIf(
  missing.length > 0 && !isRequired,
)

/** Runs qemu-img and returns what it prints. */
export function qemuImg(...args: readonly string[]): string {
  return execFileSync('qemu-img', args, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] })
}

/** What qemu-img says of an image, without a look at its parent. */
export function imageInfo(path: string): Readonly<Record<string, unknown>> {
  const info: unknown = JSON.parse(qemuImg('info', '--output=json', path))
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
