import { mkdirSync, rmSync, statSync } from 'node:fs'
import { runQuietly } from '../measure/run-quietly.ts'
import type { BenchLibrary } from '../tape/bench-library.ts'
import { type HoldfastTape, runCommand } from '../tools/holdfast-tape.ts'
import type { MachineState } from '../tools/tool.ts'
import type { Contestant } from './contestant.ts'
import { filesBelow } from './files-below.ts'
import type { Shared } from './shared.ts'

/** A repository with one machine, and the library it is copied to. */
export interface TapeCopy {
  readonly label: string
  readonly tool: HoldfastTape
  readonly library: Shared<BenchLibrary>
  readonly state: MachineState
}

/** Measures a copy from disk to tape, each round to a cartridge that is blank and not new. */
export function tapeCopy({ label, tool, library, state }: TapeCopy): Contestant {
  return {
    label,
    settings: tool.settings,
    async setUp() {
      await tool.backUp(state)
      await copyOnce(tool, await library.get())
      return filesBelow(tool.repository)
    },
    async prepare() {
      await startOver(tool, await library.get())
      return tool.copy()
    },
    async inspect(firstRound) {
      const shared = await library.get()
      if (firstRound) {
        await shared.putBack()
        await restoreInto(tool, state)
        await compare(tool, state)
        clear(tool)
      }
      return { tapeBytes: await shared.recordedBytes(), machineBytes: statSync(state.image).size }
    },
    tearDown: () => library.release(),
  }
}

/** Measures a restore from tape to an empty folder, the cartridge in its slot. */
export function tapeRestore({ label, tool, library, state }: TapeCopy): Contestant {
  return {
    label,
    settings: tool.settings,
    async setUp() {
      await tool.backUp(state)
      const shared = await library.get()
      await copyOnce(tool, shared)
      return [shared.cartridgeFile]
    },
    async prepare() {
      await (await library.get()).putBack()
      clear(tool)
      return tool.restore(state.machine)
    },
    async inspect(firstRound) {
      if (firstRound) await compare(tool, state)
      const restored = statSync(tool.restoredDisk(state.machine))
      return {
        restoredBytes: restored.blocks * 512,
        // All that is on the cartridge is this one machine.
        tapeBytes: await (await library.get()).recordedBytes(),
        machineBytes: statSync(state.image).size,
      }
    },
    async tearDown() {
      clear(tool)
      await library.release()
    },
  }
}

/** Makes the cartridge blank, and the program forget what was on it. */
async function startOver(tool: HoldfastTape, library: BenchLibrary): Promise<void> {
  await library.makeBlank()
  tool.forgetTapes(library.tgtd)
}

async function copyOnce(tool: HoldfastTape, library: BenchLibrary): Promise<void> {
  await startOver(tool, library)
  await runCommand(tool.copy())
}

async function restoreInto(tool: HoldfastTape, { machine }: MachineState): Promise<void> {
  clear(tool)
  await runCommand(tool.restore(machine))
}

async function compare(tool: HoldfastTape, { image, machine }: MachineState): Promise<void> {
  await runQuietly('cmp', [image, tool.restoredDisk(machine)])
}

function clear({ output }: HoldfastTape): void {
  rmSync(output, { recursive: true, force: true })
  mkdirSync(output, { recursive: true })
}
