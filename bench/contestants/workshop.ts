import { createHash } from 'node:crypto'
import { existsSync, mkdirSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { measure } from '../measure/measure.ts'
import { runQuietly } from '../measure/run-quietly.ts'
import type { Folders, MachineState, Tool } from '../tools/tool.ts'

/** A tool with its folders, and the repositories made so far. */
export interface Workshop {
  readonly tool: Tool
  readonly folders: Folders
  /** Makes `home` hold an empty repository. */
  startEmpty(): Promise<void>
  /**
   * Makes `home` hold a repository with one backup of the given machines, named `before`. It is made once and copied
   * from then on, with the tool's caches and keys.
   */
  startFrom(before: readonly MachineState[]): Promise<void>
  /** As `startFrom`, for a reader: a repository that is already there and was not written to is left as it is. */
  readFrom(before: readonly MachineState[]): Promise<void>
  /** Says that the repository is about to be written to. */
  touch(): void
}

/** The recovery point that a backup of `startFrom` makes. */
export const pointBefore = 'before'

/** Sets up a tool in a folder of its own. */
export function createWorkshop(tool: Tool, workFolder: string): Workshop {
  const root = join(workFolder, tool.id)
  const folders: Folders = { home: join(root, 'home'), input: join(root, 'input'), output: join(root, 'output') }
  let pristine: string | undefined

  const startEmpty = async (): Promise<void> => {
    pristine = undefined
    rmSync(folders.home, { recursive: true, force: true })
    mkdirSync(folders.home, { recursive: true })
    tool.configure?.(folders)
    await measure(tool.init(folders), join(root, 'init.log'))
  }

  const startFrom = async (before: readonly MachineState[]): Promise<void> => {
    const name = nameOf(before)
    const kept = join(root, 'kept', name)
    if (!existsSync(kept)) {
      await startEmpty()
      tool.present(folders, before)
      await measure(tool.backup(folders, pointBefore), join(root, 'before.log'))
      mkdirSync(join(root, 'kept'), { recursive: true })
      await runQuietly('cp', ['-a', folders.home, kept])
    } else {
      rmSync(folders.home, { recursive: true, force: true })
      await runQuietly('cp', ['-a', kept, folders.home])
    }
    pristine = name
  }

  return {
    tool,
    folders,
    startEmpty,
    startFrom,
    async readFrom(before) {
      if (pristine !== nameOf(before)) await startFrom(before)
    },
    touch() {
      pristine = undefined
    },
  }
}

function nameOf(machines: readonly MachineState[]): string {
  return createHash('sha256').update(JSON.stringify(machines)).digest('hex').slice(0, 16)
}
