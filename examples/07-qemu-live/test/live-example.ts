import { existsSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { copyExample } from 'holdfast-lab'

/** This example in a folder of its own. Disposing it ends the machine, if it was started. */
export interface LiveExample extends AsyncDisposable {
  readonly folder: string
  /** Runs a program there, without KVM; a failure is thrown with `code`, `stdout` and `stderr`. */
  readonly run: (program: string, ...args: readonly string[]) => Promise<string>
  /** Starts a restored machine by its script, once the first one was stopped; its console goes to a file. */
  readonly startAgain: (script: string, console: string) => Promise<void>
  readonly stopMachine: () => Promise<void>
}

/** Copies the example, so that tests leave no trace in it. */
export function copyLiveExample(): LiveExample {
  const copy = copyExample(join(import.meta.dirname, '..'))
  const pidFile = join(copy.folder, 'machines', 'web', 'qemu.pid')
  const stopMachine = async () => {
    if (!existsSync(pidFile)) return
    process.kill(Number(await readFile(pidFile, 'utf8')))
    // QEMU removes the file when it ends.
    while (existsSync(pidFile)) await delay(50)
  }
  const run = (program: string, ...args: readonly string[]) => copy.run(program, args, { ACCEL: 'tcg' })
  return {
    folder: copy.folder,
    run,
    startAgain: async (script, console) => {
      const emulated = ['-machine', 'accel=tcg', '-display', 'none']
      await run('sh', script, ...emulated, '-serial', `file:${console}`, '-daemonize', '-pidfile', pidFile)
    },
    stopMachine,
    [Symbol.asyncDispose]: async () => {
      await stopMachine()
      await delay(200)
      copy[Symbol.dispose]()
    },
  }
}
