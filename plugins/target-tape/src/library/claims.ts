import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'

/** Keeps processes of this host apart: what one has claimed no other gets. */
export interface Claims {
  /** Claims something until disposal or the end of this process, however that ends; `undefined` when it is claimed already. */
  readonly take: (name: string) => Disposable | undefined
}

/** Claims by locks of SQLite on files of a folder: the system lets go of them when a process dies. */
export function folderClaims(folder: string): Claims {
  return {
    take: (name) => {
      mkdirSync(folder, { recursive: true, mode: 0o700 })
      const database = new DatabaseSync(join(folder, `${name}.lock`))
      try {
        database.exec('BEGIN EXCLUSIVE')
      } catch (error) {
        database.close()
        if (isBusy(error)) return undefined
        throw error
      }
      return { [Symbol.dispose]: () => database.close() }
    },
  }
}

/** SQLITE_BUSY is 5. */
function isBusy(error: unknown): boolean {
  return error instanceof Error && 'errcode' in error && error.errcode === 5
}
