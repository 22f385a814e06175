import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { environmentOf, program } from './workplace.js'

/** `holdfast serve` while it runs; disposal ends it, the hard way if it must be. */
export interface Serving extends AsyncDisposable {
  readonly process: ChildProcess
  /** Everything printed so far. */
  readonly printed: () => { readonly stdout: string; readonly stderr: string }
  /** URIs by disk, as printed. */
  readonly uris: ReadonlyMap<string, string>
  /** Asks it to end as Ctrl-C does, and waits for that. */
  readonly stop: () => Promise<number | null>
}

/** Starts to serve in a folder, and waits until the disks are there. @throws Error with what was said, when it ends before */
export async function startServing(
  folder: string,
  args: readonly string[],
  environment: Record<string, string> = {},
): Promise<Serving> {
  const child = spawn(process.execPath, [program, 'serve', ...args], { cwd: folder, env: environmentOf(environment) })
  let stdout = ''
  let stderr = ''
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    stderr += text
  })
  const ended = once(child, 'close')
  const ready = new Promise<void>((resolve) => {
    child.stdout.setEncoding('utf8').on('data', (text: string) => {
      stdout += text
      if (/as it is\.\n|be written\.\n|"export-ready"/.test(stdout)) resolve()
    })
  })
  await Promise.race([ready, ended])
  if (child.exitCode !== null) throw new Error(`serve ended with ${child.exitCode}: ${stderr}${stdout}`)
  const stop = async () => {
    if (child.exitCode === null && child.signalCode === null) {
      const timer = setTimeout(() => child.kill('SIGKILL'), 120_000)
      child.kill('SIGINT')
      await ended
      clearTimeout(timer)
    }
    return child.exitCode
  }
  const uris = [...stdout.matchAll(/^ {2}(\S+): .*, (nbds?(?:\+unix)?:\S+)$/gm)].map(
    ([, disk = '', uri = '']) => [disk, uri] as const,
  )
  return {
    process: child,
    printed: () => ({ stdout, stderr }),
    uris: new Map(uris),
    stop,
    [Symbol.asyncDispose]: async () => void (await stop()),
  }
}
