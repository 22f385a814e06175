import { spawn } from 'node:child_process'
import { resolve } from 'node:path'
import { BackupError } from '@holdfast/core'
import { secretText } from './secret-text.js'
import { systemCode } from './system-code.js'

/** Where and how long a command runs. */
export interface SecretCommandOptions {
  readonly baseDir: string
  readonly environment: Readonly<Record<string, string | undefined>>
  readonly timeoutMs: number
  readonly signal: AbortSignal
}

const largestBytes = 64 * 1024

/**
 * Runs a program, without a shell, and takes the one line that it prints.
 *
 * Abort: kills the program. @throws BackupError `E_SECRET`
 */
export async function runSecretCommand(
  [program, ...args]: readonly [string, ...string[]],
  { baseDir, environment, timeoutMs, signal }: SecretCommandOptions,
): Promise<string> {
  const origin = `The secret command ${program}`
  const failed = (what: string, hint: string, cause?: unknown) =>
    new BackupError('E_SECRET', `${origin} ${what}.`, { hint, cause, context: { command: program } })
  const file = /[\\/]/.test(program) ? resolve(baseDir, program) : program
  // What it says on stderr may hold anything, so it goes nowhere.
  const child = spawn(file, args, {
    cwd: baseDir,
    env: { ...environment },
    stdio: ['ignore', 'pipe', 'ignore'],
    windowsHide: true,
  })
  const { promise, resolve: done, reject } = Promise.withResolvers<Uint8Array>()
  const stop = (reason: unknown) => {
    child.kill('SIGKILL')
    child.stdout.destroy()
    reject(reason)
  }
  const onAbort = () => stop(signal.reason)
  const timer = setTimeout(() => {
    stop(failed(`did not end within ${timeoutMs / 1000} s`, 'It must print the secret without asking anyone.'))
  }, timeoutMs)
  signal.addEventListener('abort', onAbort, { once: true })
  const chunks: Uint8Array[] = []
  let sizeBytes = 0
  child.stdout.on('data', (chunk: Uint8Array) => {
    chunks.push(chunk)
    sizeBytes += chunk.length
    if (sizeBytes > largestBytes) stop(failed('prints more than 64 KiB', 'It must print the secret alone.'))
  })
  child.on('error', (cause) => {
    const missing = systemCode(cause) === 'ENOENT'
    reject(
      failed(
        missing ? 'is not there' : 'cannot be started',
        'Give the path of a program that this user may run.',
        cause,
      ),
    )
  })
  child.on('close', (exitCode, killedBy) => {
    if (exitCode === 0) done(Buffer.concat(chunks))
    else
      reject(
        failed(
          `failed (${killedBy ?? `exit code ${exitCode}`})`,
          'Run it by hand to see why; what it prints is not shown here.',
        ),
      )
  })
  try {
    const text = secretText(await promise, origin)
    if (/[\r\n]/.test(text)) throw failed('prints more than one line', 'It must print the secret alone, on one line.')
    return text
  } finally {
    clearTimeout(timer)
    signal.removeEventListener('abort', onAbort)
  }
}
