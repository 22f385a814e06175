import { writeFileSync } from 'node:fs'
import { run, runWith, type TempFolder } from 'holdfast-lab'
import { openExt } from '../../src/ext/ext.js'
import type { Entry, Filesystem, OpenFile } from '../../src/filesystem.js'
import { fileSource } from './file-source.js'
import { unaborted } from './memory-source.js'

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
export function extImage(folder: TempFolder, size: string, ...options: readonly string[]): ExtImage {
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

/** Finds what has a path. */
export function find(filesystem: Filesystem, path: string): Promise<Entry> {
  return filesystem.find(path, unaborted)
}

/** Opens the file that has a path. */
export async function openAt(filesystem: Filesystem, path: string): Promise<OpenFile> {
  return await filesystem.open(await find(filesystem, path), unaborted)
}
