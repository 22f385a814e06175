import { constants } from 'node:fs'
import { access, open } from 'node:fs/promises'
import { extname, isAbsolute, join, relative, resolve } from 'node:path'
import { BackupError, isBackupError } from '@holdfast/core'
import { configError } from './problem.js'
import { systemCode } from './system-code.js'

/** How a configuration file is written. */
export type ConfigFormat = 'yaml' | 'json' | 'module'

/** A configuration file that is there. */
export interface ConfigFile {
  /** Absolute. */
  readonly path: string
  /** As messages show it: from the working folder when it is inside. */
  readonly shownPath: string
  readonly format: ConfigFormat
}

/** Names that are looked for when none is given; `holdfast.json` is not among them, since repositories have one. */
export const configFileNames = [
  'holdfast.yaml',
  'holdfast.yml',
  'holdfast.config.ts',
  'holdfast.config.mts',
  'holdfast.config.mjs',
  'holdfast.config.js',
  'holdfast.config.json',
] as const

const formats: Readonly<Record<string, ConfigFormat>> = {
  '.yaml': 'yaml',
  '.yml': 'yaml',
  '.json': 'json',
  '.ts': 'module',
  '.mts': 'module',
  '.mjs': 'module',
  '.js': 'module',
}

const largestBytes = 1 << 20

/** Finds the configuration file: the given one, or the only one of the usual names in `cwd`. @throws BackupError `E_CONFIG` */
export async function findConfigFile(path: string | undefined, cwd: string): Promise<ConfigFile> {
  if (path !== undefined) return configFile(resolve(cwd, path), cwd)
  const found: string[] = []
  for (const name of configFileNames) if (await exists(join(cwd, name))) found.push(name)
  const [only, ...others] = found
  if (only === undefined) {
    throw new BackupError('E_CONFIG', `There is no configuration in ${cwd}.`, {
      hint: `Create ${configFileNames[0]}, or name a file with --config. Looked for: ${configFileNames.join(', ')}.`,
    })
  }
  if (others.length > 0) {
    throw new BackupError('E_CONFIG', `There are ${found.length} configurations in ${cwd}: ${found.join(', ')}.`, {
      hint: 'Keep one of them, or name the one to use with --config.',
    })
  }
  return configFile(join(cwd, only), cwd)
}

/** Reads a configuration that is text: at most 1 MiB of UTF-8. @throws BackupError `E_CONFIG` */
export async function readConfigText({ path, shownPath }: ConfigFile): Promise<string> {
  const bytes = await readBounded(path, shownPath)
  try {
    const text = new TextDecoder('utf-8', { fatal: true }).decode(bytes)
    if (!text.includes('\0')) return text
  } catch (cause) {
    throw configError(shownPath, [{ path: [], message: 'is not UTF-8 text.', hint: 'Save the file as UTF-8.', cause }])
  }
  throw configError(shownPath, [{ path: [], message: 'holds NUL bytes.', hint: 'Save the file as UTF-8 text.' }])
}

async function configFile(path: string, cwd: string): Promise<ConfigFile> {
  const fromCwd = relative(cwd, path)
  const shownPath = fromCwd.startsWith('..') || isAbsolute(fromCwd) ? path : fromCwd
  const format = formats[extname(path).toLowerCase()]
  if (format === undefined) {
    throw configError(shownPath, [
      {
        path: [],
        message: 'is no kind of configuration.',
        hint: `Use a file that ends in ${Object.keys(formats).join(', ')}.`,
      },
    ])
  }
  try {
    await access(path, constants.R_OK)
  } catch (cause) {
    throw unreadable(shownPath, cause)
  }
  return { path, shownPath, format }
}

async function readBounded(path: string, shownPath: string): Promise<Uint8Array> {
  try {
    // Non-blocking, so that a FIFO in the file's place is refused below and does not hang.
    await using handle = await open(path, constants.O_RDONLY | constants.O_NONBLOCK)
    const stats = await handle.stat()
    if (stats.isFile() && stats.size <= largestBytes) {
      const buffer = new Uint8Array(largestBytes + 1)
      let length = 0
      for (;;) {
        const { bytesRead } = await handle.read(buffer, length, buffer.length - length, null)
        if (bytesRead === 0) return buffer.subarray(0, length)
        length += bytesRead
        if (length > largestBytes) break
      }
    }
    const message = stats.isFile() ? 'is larger than 1 MiB.' : 'is not a file.'
    throw configError(shownPath, [{ path: [], message, hint: 'Name the configuration file itself.' }])
  } catch (error) {
    if (isBackupError(error)) throw error
    throw unreadable(shownPath, error)
  }
}

function unreadable(shownPath: string, cause: unknown): BackupError {
  const missing = systemCode(cause) === 'ENOENT'
  return configError(shownPath, [
    {
      path: [],
      message: missing ? 'does not exist.' : `cannot be read (${systemCode(cause) ?? 'unknown reason'}).`,
      hint: missing ? 'Check the path given with --config.' : 'Make the file readable for the user that runs this.',
      cause,
    },
  ])
}

async function exists(path: string): Promise<boolean> {
  try {
    await access(path)
    return true
  } catch (error) {
    if (systemCode(error) === 'ENOENT') return false
    throw new BackupError('E_CONFIG', `${path} cannot be looked at.`, {
      hint: 'Check the permissions of the folder.',
      cause: error,
    })
  }
}
