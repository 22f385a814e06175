import { execFile } from 'node:child_process'
import { cpSync, symlinkSync } from 'node:fs'
import { basename, delimiter, dirname, join } from 'node:path'
import { promisify } from 'node:util'
import { programEnvironment } from '../programs/run.ts'
import { tempFolder } from './temp-folder.ts'

/** An example in a folder of its own, so that tests leave no trace in it. */
export interface ExampleCopy extends Disposable {
  readonly folder: string
  /** Runs a program there; a failure is thrown with `code`, `stdout` and `stderr`. */
  readonly run: (program: string, args: readonly string[], environment?: NodeJS.ProcessEnv) => Promise<string>
  /** Runs `holdfast` there. */
  readonly holdfast: (args: readonly string[], environment?: NodeJS.ProcessEnv) => Promise<string>
}

const made = new Set([
  ...['node_modules', 'test', 'app', 'machines', 'scratch', 'vault', 'offsite', 'restored'],
  ...['library', 'tape'],
])
const execute = promisify(execFile)

/** Copies an example, without what running it has made. */
export function copyExample(example: string): ExampleCopy {
  const folder = tempFolder()
  cpSync(example, folder.path, { recursive: true, filter: (path) => !made.has(basename(path)) })
  symlinkSync(join(example, 'node_modules'), folder.at('node_modules'))
  const system = programEnvironment()
  const path = [folder.at('node_modules', '.bin'), dirname(process.execPath), system['PATH']].join(delimiter)
  const run = async (program: string, args: readonly string[], environment: NodeJS.ProcessEnv = {}) => {
    const env = { ...system, PATH: path, ...environment }
    const { stdout } = await execute(program, args, { cwd: folder.path, env, timeout: 200_000 })
    return stdout
  }
  return {
    folder: folder.path,
    run,
    holdfast: (args, environment) => run('holdfast', args, environment),
    [Symbol.dispose]: folder[Symbol.dispose],
  }
}
