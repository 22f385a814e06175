import { readFile } from 'node:fs/promises'

/**
 * Reads `restore.mjs`, which goes into every repository: it restores without Holdfast.
 *
 * Works from the built package only, where the script is beside `dist/`.
 */
export async function restoreScriptBytes(): Promise<Uint8Array> {
  return readFile(new URL('../restore/restore.mjs', import.meta.url))
}
