import { execFileSync, spawnSync } from 'node:child_process'
import { readFileSync, rmSync } from 'node:fs'
import { describe } from 'vitest'

const missing = ['qemu-img', 'qemu-io'].filter((program) => spawnSync(program, ['--version']).error !== undefined)
const isRequired = process.env['HOLDFAST_TEST_REQUIRE'] === 'all'
if (missing.length > 0 && !isRequired)
  process.stdout.write(`SKIPPED: ${missing.join(' and ')} missing; apt-get install qemu-utils\n`)

/** A suite that needs QEMU's tools: skipped aloud where they are missing, failed where they are required. */
export const describeWithQemu: typeof describe | ReturnType<typeof describe.skipIf> = describe.skipIf(
  missing.length > 0 && !isRequired,
)

/** Runs a program and returns its output; its error output becomes the message of what is thrown. */
export function run(program: string, ...args: readonly string[]): string {
  return execFileSync(program, args, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] })
}

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
