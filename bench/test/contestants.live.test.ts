import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { tempFolder } from 'holdfast-lab'
import { expect, onTestFinished } from 'vitest'
import { backup } from '../contestants/backup.ts'
import { createWorkshop } from '../contestants/workshop.ts'
import { type Command, measure } from '../measure/measure.ts'
import { presentImages } from '../tools/input-folder.ts'
import type { MachineState, Tool } from '../tools/tool.ts'
import { measuredTest } from './gnu-time.ts'

/** A backup tool of three shell commands. */
const copier: Tool = {
  id: 'copier',
  settings: 'cp',
  present: presentImages,
  init: ({ home }) => shell(`mkdir '${home}/repository'`),
  backup: ({ home, input }, point) => shell(`cp -r '${input}' '${home}/repository/${point}'`),
  restore: ({ home, output }, machine, point) => shell(`cp '${home}/repository/${point}/${machine}.raw' '${output}'`),
  verify: ({ home }) => shell(`ls '${home}/repository'`),
  repository: ({ home }) => join(home, 'repository'),
  restoredDisk: ({ output }, machine) => join(output, `${machine}.raw`),
}

function shell(script: string): Command {
  return { program: 'sh', args: ['-c', script] }
}

function machine(folder: string, name: string, content: string): MachineState {
  const image = join(folder, `${name}.img`)
  writeFileSync(image, content)
  return { machine: 'server', image }
}

measuredTest('each round of a second backup finds the first one and nothing of the round before', async () => {
  const folder = tempFolder(onTestFinished).path
  const [dayOne, dayTwo] = [machine(folder, 'day-1', 'one'), machine(folder, 'day-2', 'the second')]
  const workshop = createWorkshop(copier, folder)
  const contestant = backup(workshop, { label: 'copier', machines: [dayTwo], before: [dayOne], proved: true })
  for (const firstRound of [true, false]) {
    const command = await contestant.prepare()
    const repository = copier.repository(workshop.folders)
    expect(readFileSync(join(repository, 'before', 'server.raw'), 'utf8')).toBe('one')
    expect(existsSync(join(repository, 'measured'))).toBe(false)
    await measure(command, join(folder, 'log'))
    expect(await contestant.inspect(firstRound, '')).toEqual({ storedBytes: 13, addedBytes: 10 })
  }
})

measuredTest('a backup that restores something else is an error, however fast it was', async () => {
  const folder = tempFolder(onTestFinished).path
  const liar: Tool = { ...copier, restore: ({ output }) => shell(`echo wrong > '${output}/server.raw'`) }
  const workshop = createWorkshop(liar, folder)
  const contestant = backup(workshop, { label: 'liar', machines: [machine(folder, 'disk', 'right')], proved: true })
  await measure(await contestant.prepare(), join(folder, 'log'))
  await expect(contestant.inspect(true, '')).rejects.toThrow(/cmp/)
})
