import { writeFileSync } from 'node:fs'
import { openExt } from '../../src/ext/ext.js'
import type { Filesystem } from '../../src/filesystem.js'
import { fileSource } from './file-source.js'
import { unaborted } from './memory-source.js'
import { run, runWith, type tempFolder } from './programs.js'

/** An ext image that debugfs works on. */
export interface ExtImage {
  readonly path: string
  /** Runs commands of debugfs; its complaints fail the test. */
  readonly debug: (...commands: readonly string[]) => string
  /** Writes content under a path of the image, as debugfs does: without holes. */
  readonly write: (path: string, content: Uint8Array) => void
  /** Opens the image as it is now. */
  readonly open: () => Promise<Filesystem & AsyncDisposable>
}

/** Makes an ext image with the options of mkfs.ext4. */
export function extImage(folder: ReturnType<typeof tempFolder>, size: string, ...options: readonly string[]): ExtImage {
  const path = folder.at('ext.image')
  run('mkfs.ext4', '-q', '-F', ...options, path, size)
  const debug = (...commands: readonly string[]) => {
    const output = runWith(`${commands.join('\n')}\n`, 'debugfs', '-w', '-f', '-', path)
    if (/: (File not found|Illegal|Invalid|Could not|Unknown|Unrecognized|while)|while /.test(output))
      throw new Error(output)
    return output
  }
  return {
    path,
    debug,
    write: (name, content) => {
      const file = folder.at('content')
      writeFileSync(file, content)
      debug(`write ${file} ${name}`)
    },
    open: async () => {
      const source = await fileSource(path)
      return { ...(await openExt(source, unaborted)), [Symbol.asyncDispose]: () => source[Symbol.asyncDispose]() }
    },
  }
}
