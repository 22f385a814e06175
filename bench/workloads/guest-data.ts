import { closeSync, ftruncateSync, openSync, readFileSync, rmSync, writeSync } from 'node:fs'
import { runQuietly } from '../measure/run-quietly.ts'
import { writeIncompressible } from './incompressible.ts'
import { blockBytes, mib } from './units.ts'

/** What the second disk of a guest holds: noise, then text; the rest is a hole. */
export interface GuestData {
  readonly diskBytes: number
  readonly noiseBytes: number
  readonly textBytes: number
}

/** Makes it as a QCOW2 image. */
export async function makeGuestData(image: string, { diskBytes, noiseBytes, textBytes }: GuestData): Promise<void> {
  const raw = `${image}.raw`
  writeIncompressible(raw, noiseBytes)
  const file = openSync(raw, 'r+')
  try {
    const text = Buffer.alloc(mib, readFileSync('/usr/share/common-licenses/GPL-3'))
    for (let at = 0; at < textBytes; at += mib) {
      // No two blocks are alike.
      for (let block = 0; block < mib; block += blockBytes) text.write(`block ${at + block}\n`.padStart(24), block)
      writeSync(file, text, 0, mib, noiseBytes + at)
    }
    ftruncateSync(file, diskBytes)
  } finally {
    closeSync(file)
  }
  await runQuietly('qemu-img', ['convert', '-f', 'raw', '-O', 'qcow2', raw, image])
  rmSync(raw)
}
