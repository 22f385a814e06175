import { existsSync, rmSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { measure } from '../measure/measure.ts'
import { runQuietly } from '../measure/run-quietly.ts'
import type { LiveGuest } from '../qemu/live-guest.ts'
import type { LiveTool } from '../tools/live-tool.ts'
import type { Contestant } from './contestant.ts'
import { folderBytes } from './files-below.ts'
import type { Shared } from './shared.ts'

/** Measures full backups of a running guest, each round with no backup before it. */
export function liveFull(label: string, shared: Shared<LiveGuest>, tool: LiveTool): Contestant {
  return liveBackup(label, shared, tool, {
    setUp: async () => {},
    prepare: async (guest) => {
      await tool.startEmpty(guest)
      return tool.full(guest)
    },
  })
}

/**
 * Measures incremental backups of a running guest: one after another upon one full backup, which is not measured.
 *
 * The guest writes once a round, before the first contestant: all save the same writes.
 */
export function liveIncremental(label: string, shared: Shared<LiveGuest>, tool: LiveTool, folder: string): Contestant {
  let seen = 0
  return liveBackup(label, shared, tool, {
    setUp: async (guest) => {
      await tool.startEmpty(guest)
      await measure(tool.full(guest), join(folder, 'before.log'))
      seen = guest.writes()
    },
    prepare: async (guest) => {
      if (seen === guest.writes()) await guest.write()
      seen = guest.writes()
      return tool.incremental(guest)
    },
  })
}

interface Preparation {
  readonly setUp: (guest: LiveGuest) => Promise<void>
  readonly prepare: (guest: LiveGuest) => ReturnType<Contestant['prepare']>
}

function liveBackup(label: string, shared: Shared<LiveGuest>, tool: LiveTool, preparation: Preparation): Contestant {
  let bytesBefore = 0
  const repositoryBytes = () => (existsSync(tool.repository) ? folderBytes(tool.repository) : 0)
  return {
    label,
    settings: tool.settings,
    async setUp() {
      const guest = await shared.get()
      await preparation.setUp(guest)
      return [guest.dataDisk]
    },
    async prepare() {
      const command = await preparation.prepare(await shared.get())
      bytesBefore = repositoryBytes()
      return command
    },
    async inspect(firstRound) {
      const storedBytes = repositoryBytes()
      if (firstRound) await prove(tool, await shared.get())
      return { storedBytes, addedBytes: storedBytes - bytesBefore }
    },
    tearDown: () => shared.release(),
  }
}

/** Restores and compares with the disk that the guest has: it is idle, and what it wrote is there. */
async function prove(tool: LiveTool, guest: LiveGuest): Promise<void> {
  const { image, format } = await tool.restore(guest)
  // The running QEMU holds a lock on its image.
  await runQuietly('qemu-img', ['compare', '-U', '-f', format, '-F', 'qcow2', image, guest.dataDisk])
  rmSync(dirname(image), { recursive: true, force: true })
}
