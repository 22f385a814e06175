import { createHash } from 'node:crypto'
import type { CallOptions, Entry, Filesystem, OpenFile } from '../../src/filesystem.js'

/** All entries below the root, by path. */
export async function walkAll(filesystem: Filesystem, options: CallOptions): Promise<ReadonlyMap<string, Entry>> {
  const found = new Map<string, Entry>()
  const waiting = [filesystem.root]
  for (let directory = waiting.pop(); directory !== undefined; directory = waiting.pop())
    for await (const entry of filesystem.list(directory, options)) {
      if (found.has(entry.path)) throw new Error(`${entry.path} is listed twice`)
      found.set(entry.path, entry)
      if (entry.type === 'directory') waiting.push(entry)
    }
  return found
}

/** SHA-256 of a file, read in parts of `partBytes`. */
export async function digestOf(file: OpenFile, options: CallOptions, partBytes = 100_003): Promise<string> {
  const hash = createHash('sha256')
  for (let at = 0; at < file.sizeBytes; at += partBytes) {
    const part = new Uint8Array(Math.min(partBytes, file.sizeBytes - at)).fill(0xaa)
    await file.read(at, part, options)
    hash.update(part)
  }
  return hash.digest('hex')
}
