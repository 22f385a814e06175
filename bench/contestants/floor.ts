import { existsSync, mkdirSync, rmSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { type Command, describeCommand, measure } from '../measure/measure.ts'
import type { Contestant } from './contestant.ts'

/** A plain program that does a part of the work: no repository, no dedupe, no encryption, nothing made durable. */
export interface Floor {
  readonly label: string
  readonly input: string
  /** Makes the input from the image, once. */
  readonly from?: (input: string) => Command
  readonly command: (input: string, output: string) => Command
  /** Its output stands for the repository in the report. */
  readonly storesOutput?: boolean
}

/** Measures a floor: what no backup program can be expected to beat, or not by much. */
export function floor(folder: string, { label, input, from, command, storesOutput = false }: Floor): Contestant {
  const output = join(folder, 'output')
  return {
    label,
    settings: describeCommand(command('IN', 'OUT')),
    async setUp() {
      mkdirSync(folder, { recursive: true })
      if (from !== undefined && !existsSync(input)) await measure(from(input), join(folder, 'from.log'))
      return [input]
    },
    async prepare() {
      rmSync(output, { force: true })
      return command(input, output)
    },
    async inspect() {
      return storesOutput ? { storedBytes: statSync(output).size } : {}
    },
    async tearDown() {
      rmSync(output, { force: true })
    },
  }
}
