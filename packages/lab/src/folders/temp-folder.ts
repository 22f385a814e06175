import { mkdtempSync, realpathSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

/** A folder that goes, with all that is in it, when it is disposed. */
export interface TempFolder extends Disposable {
  readonly path: string
  /** Path of something in it. */
  readonly at: (...names: readonly string[]) => string
}

/** Makes a folder to be disposed, or that goes by a hook of vitest: `tempFolder(afterAll)`, `tempFolder(onTestFinished)`. */
export function tempFolder(hook?: (remove: () => void) => unknown): TempFolder {
  const path = realpathSync(mkdtempSync(join(tmpdir(), 'holdfast-test-')))
  const remove = () => rmSync(path, { recursive: true, force: true, maxRetries: 5 })
  hook?.(remove)
  return { path, at: (...names) => join(path, ...names), [Symbol.dispose]: remove }
}
