import { mkdirSync, readdirSync, rmSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout } from 'node:timers/promises'
import { type Command, describeCommand } from '../measure/measure.ts'
import { runQuietly } from '../measure/run-quietly.ts'
import type { Contestant } from './contestant.ts'

/** One program that writes a disk image anew in another format. */
export interface Conversion {
  readonly label: string
  /** The raw image that both images stand for. */
  readonly raw: string
  /** Makes the image to read, once. */
  readonly input: () => Promise<string>
  /** Ending of the output. */
  readonly ending: string
  /** What qemu-img calls the output's format, to compare it with the raw image. */
  readonly qemuFormat: string
  readonly command: (input: string, output: string) => Command
}

/** Measures a conversion; its first output is compared with the raw image by qemu-img. */
export function conversion(folder: string, settings: Conversion): Contestant {
  const { label, raw, input, ending, qemuFormat, command } = settings
  const output = join(folder, `output${ending}`)
  let image = ''
  const clear = () => {
    rmSync(folder, { recursive: true, force: true })
    mkdirSync(folder, { recursive: true })
  }
  return {
    label,
    settings: describeCommand(command('IN', `OUT${ending}`)),
    async setUp() {
      image = await input()
      return [image]
    },
    async prepare() {
      clear()
      await setTimeout(freedMemoryIsGoneAfterMs)
      await touchMemory(folder)
      return command(image, output)
    },
    async inspect(firstRound) {
      if (firstRound) await runQuietly('qemu-img', ['compare', '-f', 'raw', '-F', qemuFormat, raw, output])
      // Flat images have a second file; what counts is the space they take.
      const blocks = readdirSync(folder).map((name) => statSync(join(folder, name)).blocks)
      return { storedBytes: blocks.reduce((sum, count) => sum + count, 0) * 512 }
    },
    async tearDown() {
      rmSync(folder, { recursive: true, force: true })
    },
  }
}

/** A virtual machine gives memory back to its host two seconds after it was freed, which must not be while we measure. */
const freedMemoryIsGoneAfterMs = 3000

/**
 * Touches the memory that the output will take in the page cache.
 *
 * A host hands out the memory of a virtual machine slowly: whoever is the first to use it would pay for all.
 */
async function touchMemory(folder: string): Promise<void> {
  const file = join(folder, 'touched')
  await runQuietly('dd', ['if=/dev/zero', `of=${file}`, 'bs=2M', 'count=1500', 'status=none'])
  rmSync(file)
}
