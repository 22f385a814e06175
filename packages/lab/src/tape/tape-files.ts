import { closeSync, openSync, readSync, writeSync } from 'node:fs'
import { join } from 'node:path'
import { run } from '../programs/run.ts'

/** tgtd keeps a block's bytes behind a head of that size. */
const headBytes = 48

/**
 * Takes the blocks of a cartridge of tgtd out of its file, as tgtd's own `tgtimg` says where they lie: what `dd` would read from the drive.
 *
 * @returns the files that were made in `folder`, one for each tape file, in order
 */
export function takeTapeFiles(media: string, folder: string): readonly string[] {
  const shown = run('tgtimg', '--op', 'show', '--device-type', 'tape', '--file', media)
  const tape = openSync(media, 'r')
  const files: string[] = []
  let out: number | undefined
  try {
    for (const line of shown.split('\n')) {
      const [, kind, at, size] = /^ *([A-Za-z ]+)\(\d+\): .* curr (\d+), .* sz (\d+)$/.exec(line) ?? []
      if (kind === 'Filemark') {
        if (out !== undefined) closeSync(out)
        out = undefined
      } else if (kind === 'Uncompressed data') {
        const path = join(folder, `${files.length}.tar`)
        if (out === undefined) {
          out = openSync(path, 'w')
          files.push(path)
        }
        const block = new Uint8Array(Number(size))
        readSync(tape, block, 0, block.length, Number(at) + headBytes)
        writeSync(out, block)
      }
    }
  } finally {
    if (out !== undefined) closeSync(out)
    closeSync(tape)
  }
  return files
}
