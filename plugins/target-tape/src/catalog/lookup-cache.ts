import { randomUUID } from 'node:crypto'
import { mkdir, open, rename, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { tapeError } from '../drive/drive-errors.js'

/** Keeps the content of lookup objects at hand, by its digest, so that nobody needs a cartridge to find something. */
export interface LookupCache {
  readonly put: (sha256: string, content: Uint8Array) => Promise<void>
  /** Reads a range; `undefined` when it is not there, or shorter. */
  readonly read: (sha256: string, offset: number, length: number) => Promise<Uint8Array | undefined>
  /** Forgets what turned out to be something else. */
  readonly drop: (sha256: string) => Promise<void>
  readonly has: (sha256: string, sizeBytes: number) => Promise<boolean>
}

/** A cache in a folder, which is made when it is needed. What it loses is read from tape. */
export function lookupCache(folder: string): LookupCache {
  const pathOf = (sha256: string) => join(folder, sha256.slice(0, 2), sha256)
  return {
    put: async (sha256, content) => {
      const path = pathOf(sha256)
      const passing = `${path}.${randomUUID()}`
      try {
        await mkdir(join(folder, sha256.slice(0, 2)), { recursive: true, mode: 0o700 })
        await writeFile(passing, content, { mode: 0o600 })
        await rename(passing, path)
      } catch (error) {
        await rm(passing, { force: true })
        throw tapeError('E_TARGET_IO', `${folder} cannot be written to: ${String(error)}`, {
          operation: 'target.put',
          context: { path: folder },
          hint: 'Is its disk full?',
          cause: error,
        })
      }
    },
    read: async (sha256, offset, length) => {
      const file = await open(pathOf(sha256)).catch(orMissing)
      if (file === undefined) return undefined
      try {
        const content = new Uint8Array(length)
        const { bytesRead } = await file.read(content, 0, length, offset)
        return bytesRead === length ? content : undefined
      } finally {
        await file.close()
      }
    },
    drop: (sha256) => rm(pathOf(sha256), { force: true }),
    has: async (sha256, sizeBytes) => {
      const file = await open(pathOf(sha256)).catch(orMissing)
      if (file === undefined) return false
      try {
        return (await file.stat()).size === sizeBytes
      } finally {
        await file.close()
      }
    },
  }
}

function orMissing(error: NodeJS.ErrnoException): undefined {
  if (error.code === 'ENOENT') return undefined
  throw error
}
