import { type ChildProcess, spawn } from 'node:child_process'
import type { Clock } from '@holdfast/core'
import type { Executable } from './executable.js'
import { endGroup } from './process-group.js'

/** Time for output that is still in the pipes after a program has ended. */
const drainMs = 200

/** What to run and how. */
export interface Run {
  readonly executable: Executable
  readonly cwd: string
  readonly environment: Readonly<Record<string, string>>
  readonly timeoutMs: number
  readonly onStdout: (bytes: Buffer) => void
  readonly onStderr: (bytes: Buffer) => void
}

/** How a program ended. `remains`: it was told to end and did not. */
export type Outcome =
  | { readonly kind: 'exit'; readonly code: number }
  | { readonly kind: 'signal'; readonly signal: string }
  | { readonly kind: 'timeout'; readonly remains: boolean }

/**
 * Runs a program in a process group of its own.
 *
 * Guarantee: on a timeout and on abort nothing of its group runs on when this settles (unless `remains`). A program that
 * ends by itself may leave others in the background. Abort: rejects with the signal's reason.
 * @throws the system's error when the program cannot be started
 */
export async function runProgram(run: Run, clock: Clock, signal: AbortSignal): Promise<Outcome> {
  signal.throwIfAborted()
  const { file, parameters } = run.executable
  const child = spawn(file, parameters, {
    cwd: run.cwd,
    env: run.environment,
    detached: true,
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  child.stdout.on('data', run.onStdout)
  child.stderr.on('data', run.onStderr)
  const closed = new Promise<void>((resolve) => child.once('close', () => resolve()))
  const settled = new AbortController()
  try {
    const first = await Promise.race([
      exitOf(child),
      pause(clock, run.timeoutMs, settled.signal).then(() => 'timeout' as const),
      abortOf(signal, settled.signal),
    ])
    if (typeof first === 'object') {
      await Promise.race([closed, pause(clock, drainMs, settled.signal)])
      return first
    }
    const ended = child.pid === undefined || (await endGroup(child.pid, clock))
    if (first === 'aborted') throw signal.reason
    return { kind: 'timeout', remains: !ended }
  } finally {
    settled.abort()
    // A process left in the background may hold the pipes for ever.
    child.stdout.destroy()
    child.stderr.destroy()
    child.unref()
  }
}

function exitOf(child: ChildProcess): Promise<Outcome> {
  return new Promise((resolve, reject) => {
    child.once('error', reject)
    child.once('exit', (code, signal) => {
      resolve(code === null ? { kind: 'signal', signal: signal ?? 'unknown' } : { kind: 'exit', code })
    })
  })
}

function abortOf(signal: AbortSignal, settled: AbortSignal): Promise<'aborted'> {
  return new Promise((resolve) => {
    signal.addEventListener('abort', () => resolve('aborted'), { once: true, signal: settled })
  })
}

/** Waits; when it is no longer needed it just stays pending. */
async function pause(clock: Clock, ms: number, settled: AbortSignal): Promise<void> {
  try {
    await clock.sleep(ms, { signal: settled })
  } catch (error) {
    if (!settled.aborted) throw error
  }
}
