import { execFile } from 'node:child_process'
import { existsSync } from 'node:fs'
import { cp, mkdtemp, readFile, rm, symlink } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { basename, delimiter, dirname, join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { promisify } from 'node:util'

/** This example in a folder of its own. Disposing it ends the machine, if it was started. */
export interface ExampleCopy extends AsyncDisposable {
  readonly folder: string
  /** Runs a program there, without KVM; a failure is thrown with `code`, `stdout` and `stderr`. */
  readonly run: (program: string, ...args: readonly string[]) => Promise<string>
  /** Starts a restored machine by its script, once the first one was stopped; its console goes to a file. */
  readonly startAgain: (script: string, console: string) => Promise<void>
  readonly stopMachine: () => Promise<void>
}

const example = join(import.meta.dirname, '..')
const notCopied = new Set(['node_modules', 'test', 'machines', 'scratch', 'vault', 'restored'])
const run = promisify(execFile)

/** Copies the example, so that tests leave no trace in it. */
export async function copyExample(): Promise<ExampleCopy> {
  const folder = await mkdtemp(join(tmpdir(), 'holdfast-example-'))
  await cp(example, folder, { recursive: true, filter: (path) => !notCopied.has(basename(path)) })
  await symlink(join(example, 'node_modules'), join(folder, 'node_modules'))
  const path = [join(folder, 'node_modules', '.bin'), dirname(process.execPath), process.env['PATH'], '/usr/sbin'].join(
    delimiter,
  )
  const pidFile = join(folder, 'machines', 'web', 'qemu.pid')
  const stopMachine = async () => {
    if (!existsSync(pidFile)) return
    process.kill(Number(await readFile(pidFile, 'utf8')))
    // QEMU removes the file when it ends.
    while (existsSync(pidFile)) await delay(50)
  }
  const runHere = async (program: string, ...args: readonly string[]) => {
    const env = { ...process.env, PATH: path, ACCEL: 'tcg' }
    const { stdout } = await run(program, args, { cwd: folder, env, timeout: 200_000 })
    return stdout
  }
  return {
    folder,
    run: runHere,
    startAgain: async (script, console) => {
      const emulated = ['-machine', 'accel=tcg', '-display', 'none']
      await runHere('sh', script, ...emulated, '-serial', `file:${console}`, '-daemonize', '-pidfile', pidFile)
    },
    stopMachine,
    [Symbol.asyncDispose]: async () => {
      await stopMachine()
      await delay(200)
      await rm(folder, { recursive: true, maxRetries: 5 })
    },
  }
}
