import { readFileSync, rmSync } from 'node:fs'
import { run } from 'holdfast-lab'

/** Lets QEMU write to a disk: `write -P 7 0 64k`, `write -z 0 4k`, `discard 0 4k`. */
export function qemuIo(image: string, format: string, command: string): void {
  const output = run('qemu-io', '-d', 'unmap', '-f', format, '-c', command, image)
  // It exits with 0 whatever happened.
  if (!/^(wrote|discard) /m.test(output)) throw new Error(`qemu-io ${command}: ${output}`)
}

/** The whole disk as QEMU reads it through an image and its parents. */
export function qemuRead(image: string, format: string): Uint8Array {
  const copy = `${image}.whole`
  try {
    run('qemu-img', 'convert', '-f', format, '-O', 'raw', image, copy)
    return new Uint8Array(readFileSync(copy))
  } finally {
    rmSync(copy, { force: true })
  }
}
