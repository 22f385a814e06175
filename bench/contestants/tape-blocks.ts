import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import type { Command } from '../measure/measure.ts'
import { runQuietly } from '../measure/run-quietly.ts'
import { type BenchLibrary, placeOf, probe } from '../tape/bench-library.ts'
import type { Contestant, Traces } from './contestant.ts'
import type { Shared } from './shared.ts'

/** Length of a block, of both programs and of the tape target. */
const blockBytes = 2 ** 18

/** A program that moves blocks to and from a tape: it takes an action, a place, a number of blocks and a file with some. */
export interface TapeBlocks {
  readonly label: string
  readonly settings: string
  readonly library: Shared<BenchLibrary>
  /** What stands before the arguments. */
  readonly command: Command
  /** Its blocks are written again and again. */
  readonly piece: () => Promise<string>
  readonly movedBytes: number
}

/** Measures how fast blocks are written, with the filemark behind them. */
export function tapeWrite(work: TapeBlocks): Contestant {
  return contestant(work, {
    async setUp(library) {
      await writeByProbe(work, library)
      return [await work.piece()]
    },
    prepare: async (library) => commandFor(work.command, library, 'write', [blocksOf(work), await work.piece()]),
    // The other program reads what was written, so that no common mistake passes.
    prove: (library) => provesRight(work, library, probeCommand),
  })
}

/** Measures how fast they are read. */
export function tapeRead(work: TapeBlocks): Contestant {
  return contestant(work, {
    async setUp(library) {
      await writeByProbe(work, library)
      await provesRight(work, library, work.command)
      return [library.cartridgeFile]
    },
    prepare: async (library) => commandFor(work.command, library, 'read', [blocksOf(work)]),
    prove: async () => {},
  })
}

interface Steps {
  readonly setUp: (library: BenchLibrary) => Promise<readonly string[]>
  readonly prepare: (library: BenchLibrary) => Promise<Command>
  readonly prove: (library: BenchLibrary) => Promise<void>
}

function contestant({ label, settings, library, movedBytes }: TapeBlocks, steps: Steps): Contestant {
  return {
    label,
    settings,
    setUp: async () => await steps.setUp(await library.get()),
    prepare: async () => await steps.prepare(await library.get()),
    async inspect(firstRound, output) {
      if (firstRound) await steps.prove(await library.get())
      return movedBy(output, movedBytes)
    },
    tearDown: () => library.release(),
  }
}

const probeCommand: Command = { program: 'python3', args: [probe] }

/** Fills the cartridge, so that nobody who is measured is the first to do so. */
async function writeByProbe(work: TapeBlocks, library: BenchLibrary): Promise<void> {
  const { program, args } = commandFor(probeCommand, library, 'write', [blocksOf(work), await work.piece()])
  await runQuietly(program, args)
}

async function provesRight(work: TapeBlocks, library: BenchLibrary, command: Command): Promise<void> {
  const { program, args } = commandFor(command, library, 'check', [blocksOf(work)])
  const { sha256 } = parsed(await runQuietly(program, args))
  if (sha256 !== digestOf(readFileSync(await work.piece()), work.movedBytes))
    throw new Error('The blocks on the tape are not those that were written')
}

function commandFor(
  { program, args }: Command,
  { tgtd }: BenchLibrary,
  action: string,
  more: readonly string[],
): Command {
  return { program, args: [...args, action, ...placeOf(tgtd, tgtd.driveLuns[0] ?? 0), ...more] }
}

function blocksOf({ movedBytes }: TapeBlocks): string {
  return String(movedBytes / blockBytes)
}

/** Hashes a piece again and again, as often as it was written. */
function digestOf(piece: Uint8Array, movedBytes: number): string {
  const hash = createHash('sha256')
  for (let at = 0; at < movedBytes; at += piece.length) hash.update(piece.subarray(0, movedBytes - at))
  return hash.digest('hex')
}

/** Reads what the program says: the bytes it moved, and the time. @throws Error when it moved less than it was told to */
export function movedBy(output: string, movedBytes: number): Traces {
  const { bytes, seconds } = parsed(output)
  if (bytes !== movedBytes || typeof seconds !== 'number')
    throw new Error(`The program moved something else: ${output}`)
  return { tapeBytes: bytes, tapeSeconds: seconds }
}

function parsed(output: string): { readonly bytes?: unknown; readonly seconds?: unknown; readonly sha256?: unknown } {
  const value: unknown = JSON.parse(output)
  if (typeof value !== 'object' || value === null) throw new TypeError(`The program printed something else: ${output}`)
  return value
}
