import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { onTestFinished } from 'vitest'
import { guardsOf, until } from './harness.js'

/** A run in a process of its own. */
export interface Owner {
  readonly pid: number
  /** Its guard. */
  readonly guard: number
  readonly kill: (signal: NodeJS.Signals) => void
}

/** Starts a run that freezes and then does nothing; resolves when it started to freeze, or when it is frozen. */
export async function startOwner(socket: string, maxFreeze: string, when: 'begun' | 'frozen'): Promise<Owner> {
  const main = join(import.meta.dirname, 'owner-main.ts')
  const child = spawn(process.execPath, [main, socket, maxFreeze], { stdio: ['ignore', 'pipe', 'inherit'] })
  onTestFinished(() => {
    child.kill('SIGKILL')
  })
  const pid = child.pid ?? 0
  if (when === 'frozen') {
    const said = await Promise.race([once(child.stdout, 'data'), once(child, 'exit')])
    if (child.exitCode !== null) throw new Error(`the run ended: ${said}`)
  }
  await until(async () => (await guardsOf(pid)).length === 1)
  const [guard = 0] = await guardsOf(pid)
  return { pid, guard, kill: (signal) => child.kill(signal) }
}

/** Tells whether a process runs; one that has ended and that nobody collects does not. */
export async function isRunning(pid: number): Promise<boolean> {
  const status = await readFile(`/proc/${pid}/status`, 'utf8').catch(() => undefined)
  return status !== undefined && !/^State:\s+Z/m.test(status)
}
