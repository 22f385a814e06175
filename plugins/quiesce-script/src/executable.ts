import { constants } from 'node:fs'
import { access, stat } from 'node:fs/promises'
import { delimiter, join, resolve } from 'node:path'
import { BackupError } from '@holdfast/core'
import type { Command } from './options.js'

/** A program that was found, with its arguments. */
export interface Executable {
  readonly file: string
  readonly parameters: readonly string[]
}

/**
 * Finds the program of a command and makes sure that it can run.
 *
 * Called when the hook is opened: a thaw that does not exist must be known before anything is frozen.
 * @throws BackupError `E_CONFIG`
 */
export async function findExecutable(option: string, command: Command, baseDir: string): Promise<Executable> {
  const [program, ...parameters] = typeof command === 'string' ? [command] : command
  const candidates = program.includes('/')
    ? [resolve(baseDir, program)]
    : (process.env['PATH'] ?? '').split(delimiter).map((folder) => join(folder, program))
  let refused: { readonly file: string; readonly cause: unknown } | undefined
  for (const file of candidates) {
    const problem = await whyNotExecutable(file)
    if (problem === undefined) return { file, parameters }
    if (problem !== 'missing') refused ??= { file, cause: problem.cause }
  }
  if (refused !== undefined) {
    throw wrong(option, `${refused.file} cannot be executed`, `Run: chmod +x ${refused.file}`, refused.cause)
  }
  const looked = program.includes('/') ? `${candidates[0]} does not exist` : `there is no program '${program}' in PATH`
  const hint = /\s/.test(program)
    ? 'A command is not split at spaces: write a list, [program, argument, …].'
    : 'A path needs a slash (./freeze.sh); a relative one starts at the config file.'
  throw wrong(option, looked, hint)
}

async function whyNotExecutable(file: string): Promise<'missing' | { readonly cause: unknown } | undefined> {
  try {
    if (!(await stat(file)).isFile()) return { cause: undefined }
    await access(file, constants.X_OK)
    return undefined
  } catch (error) {
    const code = typeof error === 'object' && error !== null && 'code' in error ? error.code : undefined
    return code === 'ENOENT' || code === 'ENOTDIR' ? 'missing' : { cause: error }
  }
}

function wrong(option: string, what: string, hint: string, cause?: unknown): BackupError {
  return new BackupError('E_CONFIG', `The ${option} command of the script hook is wrong: ${what}.`, {
    plugin: 'script',
    operation: 'quiesce.open',
    context: { option },
    hint,
    cause,
  })
}
