import { execFile } from 'node:child_process'
import { cp, mkdtemp, rm, symlink } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { basename, join } from 'node:path'
import { promisify } from 'node:util'

/** This example in a folder of its own, with its machines made. */
export interface ExampleCopy extends AsyncDisposable {
  readonly folder: string
  /** Runs the program there; a failure is thrown with `code`, `stdout` and `stderr`. */
  readonly holdfast: (args: readonly string[], environment?: NodeJS.ProcessEnv) => Promise<string>
}

const example = join(import.meta.dirname, '..')
const notCopied = new Set(['node_modules', 'test', 'app', 'machines', 'vault', 'offsite', 'restored'])
const run = promisify(execFile)

/** Copies the example, so that tests leave no trace in it. */
export async function copyExample(): Promise<ExampleCopy> {
  const folder = await mkdtemp(join(tmpdir(), 'holdfast-example-'))
  await cp(example, folder, { recursive: true, filter: (path) => !notCopied.has(basename(path)) })
  await symlink(join(example, 'node_modules'), join(folder, 'node_modules'))
  await run(process.execPath, ['make-machines.ts'], { cwd: folder })
  return {
    folder,
    holdfast: async (args, environment = {}) => {
      const program = join(folder, 'node_modules', '.bin', 'holdfast')
      const { stdout } = await run(program, [...args], { cwd: folder, env: { ...process.env, ...environment } })
      return stdout
    },
    [Symbol.asyncDispose]: () => rm(folder, { recursive: true }),
  }
}
