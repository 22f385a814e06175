import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import type { Command } from '../measure/measure.ts'

/** A `holdfast serve` that is ready. */
export interface ServedPoint {
  readonly uri: string
  stop(): Promise<void>
}

/** Starts the command and waits until it says where its first disk is. */
export async function startServing(command: Command): Promise<ServedPoint> {
  const server = spawn(command.program, command.args, {
    env: { ...process.env, ...command.env },
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  const ended = once(server, 'close')
  const killNow = () => server.kill('SIGKILL')
  process.once('exit', killNow)
  const stop = async () => {
    process.off('exit', killNow)
    server.kill('SIGTERM')
    await ended
  }
  for await (const line of createInterface(server.stdout)) {
    const uri = /nbd\+unix:\S+/.exec(line)?.[0]
    if (uri === undefined) continue
    // What else it says must not fill the pipe.
    server.stdout.resume()
    return { uri, stop }
  }
  await stop()
  throw new Error('holdfast serve ended before it served anything')
}
