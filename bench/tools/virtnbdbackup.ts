import { rmSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import type { Command } from '../measure/measure.ts'
import { runQuietly } from '../measure/run-quietly.ts'
import type { LiveGuest } from '../qemu/live-guest.ts'
import type { LiveTool } from './live-tool.ts'

/** virtnbdbackup with its defaults: its own sparse format, not compressed, not encrypted, one worker a disk. */
export function virtnbdbackup(folder: string, version: string): LiveTool {
  const repository = join(folder, 'backup')
  const output = join(folder, 'restored')
  const command = ({ uri, name, scratch }: LiveGuest, level: string): Command => ({
    program: 'virtnbdbackup',
    args: ['-U', uri, '-d', name, '-l', level, '-S', scratch, '-o', repository],
  })
  return {
    settings: `virtnbdbackup ${version}, default settings: not compressed, not encrypted`,
    async startEmpty(guest) {
      await guest.forgetCheckpoints()
      rmSync(folder, { recursive: true, force: true })
    },
    full: (guest) => command(guest, 'full'),
    incremental: (guest) => command(guest, 'inc'),
    repository,
    async restore({ uri }) {
      rmSync(output, { recursive: true, force: true })
      await runQuietly('virtnbdrestore', ['-U', uri, '-i', repository, '-o', output, '-d', 'vdb'])
      const image = join(output, 'data.qcow2')
      await untilUnlocked(image)
      return { image, format: 'qcow2' }
    },
  }
}

/** Its qemu-nbd writes on for a moment when virtnbdrestore has ended. */
async function untilUnlocked(image: string): Promise<void> {
  for (let tries = 1; ; tries++) {
    try {
      await runQuietly('qemu-img', ['info', image])
      return
    } catch (error) {
      if (tries === 60) throw error
    }
    await delay(500)
  }
}
