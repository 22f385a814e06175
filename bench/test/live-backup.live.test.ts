import { cpSync, mkdirSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { tempFolder } from 'holdfast-lab'
import { expect, onTestFinished } from 'vitest'
import { liveFull, liveIncremental } from '../contestants/live-backup.ts'
import { share } from '../contestants/shared.ts'
import { measure } from '../measure/measure.ts'
import { runQuietly } from '../measure/run-quietly.ts'
import type { LiveGuest } from '../qemu/live-guest.ts'
import type { LiveTool } from '../tools/live-tool.ts'
import { measuredTest } from './gnu-time.ts'

/** A guest that is a file, and what was done to it. */
async function fakeGuest(folder: string) {
  const dataDisk = join(folder, 'data.qcow2')
  await runQuietly('qemu-img', ['create', '-q', '-f', 'qcow2', dataDisk, '1M'])
  let writes = 0
  const done: string[] = []
  const note = (what: string) => async () => {
    done.push(what)
  }
  const guest: LiveGuest = {
    name: 'server',
    uri: '',
    monitorPattern: '',
    definitions: '',
    scratch: '',
    dataDisk,
    write: async () => {
      writes++
      await runQuietly('qemu-io', ['-c', `write -P ${writes} 0 64k`, dataDisk])
    },
    writes: () => writes,
    forgetCheckpoints: note('checkpoints forgotten'),
    forgetBitmaps: note('bitmaps forgotten'),
    [Symbol.asyncDispose]: note('ended'),
  }
  return { guest, done }
}

/** A tool that copies the disk. */
function copier(folder: string, restored?: string): LiveTool {
  const repository = join(folder, 'repository')
  const copy =
    (name: string) =>
    ({ dataDisk }: LiveGuest) => ({
      program: 'cp',
      args: [dataDisk, join(repository, name)],
    })
  return {
    settings: 'cp',
    startEmpty: async () => {
      rmSync(repository, { recursive: true, force: true })
      mkdirSync(repository, { recursive: true })
    },
    full: copy('full'),
    incremental: copy('incremental'),
    repository,
    restore: async ({ dataDisk }) => {
      const image = join(folder, 'restored', 'image.qcow2')
      mkdirSync(join(folder, 'restored'))
      cpSync(restored ?? dataDisk, image)
      return { image, format: 'qcow2' }
    },
  }
}

measuredTest('all contestants save the same writes, one set of them a round', async () => {
  const folder = tempFolder(onTestFinished).path
  const { guest, done } = await fakeGuest(folder)
  const shared = share(async () => guest)
  const tools = ['one', 'other'].map((name) => {
    mkdirSync(join(folder, name))
    return liveIncremental(name, shared, copier(join(folder, name)), folder)
  })
  for (const tool of tools) expect(await tool.setUp()).toEqual([guest.dataDisk])
  const seen: number[] = []
  for (const round of [1, 2, 3]) {
    for (const tool of tools) {
      await measure(await tool.prepare(), join(folder, 'log'))
      seen.push(guest.writes())
      const { addedBytes } = await tool.inspect(round === 1, '')
      expect(addedBytes).toBe(round === 1 ? 1 * (await sizeOf(guest.dataDisk)) : 0)
    }
  }
  expect(seen).toEqual([1, 1, 2, 2, 3, 3])
  for (const tool of tools) await tool.tearDown()
  expect(done).toEqual(['ended'])
})

measuredTest('a full backup finds nothing of the round before', async () => {
  const folder = tempFolder(onTestFinished).path
  const { guest } = await fakeGuest(folder)
  const contestant = liveFull(
    'copier',
    share(async () => guest),
    copier(folder),
  )
  await contestant.setUp()
  for (const isFirst of [true, false]) {
    const command = await contestant.prepare()
    writeFileSync(join(folder, 'repository', 'more'), '12345')
    await measure(command, join(folder, 'log'))
    const size = await sizeOf(guest.dataDisk)
    expect(await contestant.inspect(isFirst, '')).toEqual({ storedBytes: size + 5, addedBytes: size + 5 })
  }
})

measuredTest('a backup that restores another disk is an error, however fast it was', async () => {
  const folder = tempFolder(onTestFinished).path
  const { guest } = await fakeGuest(folder)
  const before = join(folder, 'before.qcow2')
  cpSync(guest.dataDisk, before)
  const contestant = liveIncremental(
    'liar',
    share(async () => guest),
    copier(folder, before),
    folder,
  )
  await contestant.setUp()
  await measure(await contestant.prepare(), join(folder, 'log'))
  await expect(contestant.inspect(true, '')).rejects.toThrow(/qemu-img compare/)
})

async function sizeOf(file: string): Promise<number> {
  return Number((await runQuietly('stat', ['--format', '%s', file])).trim())
}
