import { copyFileSync, existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { firstElement, skipsWithout, type TgtdLibrary, tempFolder } from 'holdfast-lab'
import { describe, expect, onTestFinished, test } from 'vitest'
import { share } from '../contestants/shared.ts'
import { tapeCopy, tapeRestore } from '../contestants/tape-copy.ts'
import type { Command } from '../measure/measure.ts'
import { placeOf, probe, startBenchLibrary } from '../tape/bench-library.ts'
import { type HoldfastTape, holdfastTape, runCommand } from '../tools/holdfast-tape.ts'
import { writeIncompressible } from '../workloads/incompressible.ts'

const blocks = 5
const imageBytes = blocks * 2 ** 18

/** A tool of shell commands: it copies an image to the cartridge of the slot, which must be there each time, and be new to it. */
function copier(folder: string, image: string, restored = image): HoldfastTape {
  const [repository, output, state] = ['vault', 'output', 'state'].map((name) => join(folder, name)) as [
    string,
    string,
    string,
  ]
  let library: TgtdLibrary | undefined
  const script = (...steps: readonly string[]): Command => ({ program: 'sh', args: ['-c', steps.join(' && ')] })
  const ofProbe = (action: string, of: (library: TgtdLibrary) => number, ...more: readonly (string | number)[]) => {
    if (library === undefined) throw new Error('No library is configured')
    return ['python3', probe, action, ...placeOf(library, of(library)), ...more].join(' ')
  }
  const load = () => ofProbe('move', ({ changerLun }) => changerLun, firstElement.slot, firstElement.drive)
  const drive = ({ driveLuns }: TgtdLibrary) => driveLuns[0] ?? 0
  return {
    settings: 'sh',
    repository,
    output,
    async backUp() {
      mkdirSync(repository, { recursive: true })
      copyFileSync(image, join(repository, 'image'))
    },
    forgetTapes(configured) {
      rmSync(state, { force: true })
      library = configured
    },
    copy: () => script(`test ! -e ${state}`, load(), ofProbe('write', drive, blocks, image), `touch ${state}`),
    restore: (machine) =>
      script(`test -e ${state}`, load(), ofProbe('check', drive, blocks), `cp ${restored} ${output}/${machine}.raw`),
    restoredDisk: (machine) => join(output, `${machine}.raw`),
  }
}

describe.skipIf(skipsWithout('tgt', 'python3'))('a repository on tape', () => {
  async function setUp(isRight = true) {
    const folder = tempFolder(onTestFinished)
    const image = folder.at('image')
    writeIncompressible(image, imageBytes)
    const other = folder.at('other')
    writeFileSync(other, 'something else')
    const started = await startBenchLibrary({ cartridgeMib: 64 })
    onTestFinished(async () => await started[Symbol.asyncDispose]())
    const tool = copier(folder.path, image, isRight ? image : other)
    const library = share(async () => started)
    return { started, work: { label: '', tool, library, state: { machine: 'server', image } }, folder }
  }

  test('each copy finds a blank cartridge in its slot, and counts the blocks of the tape', async () => {
    const { work, folder } = await setUp()
    const contestant = tapeCopy(work)
    expect(await contestant.setUp()).toEqual([folder.at('vault', 'image')])
    for (const isFirst of [true, false]) {
      const command = await contestant.prepare()
      expect(await work.library.get().then(({ recordedBytes }) => recordedBytes())).toBe(0)
      await runCommand(command)
      expect(await contestant.inspect(isFirst, '')).toEqual({ tapeBytes: imageBytes, machineBytes: imageBytes })
    }
  })

  test('each restore finds the cartridge in its slot and an empty folder', async () => {
    const { work, started } = await setUp()
    const contestant = tapeRestore(work)
    expect(await contestant.setUp()).toEqual([started.cartridgeFile])
    for (const isFirst of [true, false]) {
      const command = await contestant.prepare()
      expect(existsSync(work.tool.restoredDisk('server'))).toBe(false)
      await runCommand(command)
      const traces = await contestant.inspect(isFirst, '')
      expect(traces).toEqual({ tapeBytes: imageBytes, machineBytes: imageBytes, restoredBytes: imageBytes })
    }
  })

  test.for([
    { what: 'copy', contestantOf: tapeCopy },
    { what: 'restore', contestantOf: tapeRestore },
  ])('a $what that gives back something else is an error, however fast it was', async ({ contestantOf }) => {
    const { work } = await setUp(false)
    const contestant = contestantOf(work)
    await contestant.setUp()
    await runCommand(await contestant.prepare())
    await expect(contestant.inspect(true, '')).rejects.toThrow(/cmp/)
  })

  test('Holdfast is told of the library that runs now, and forgets what it knew of tapes', async () => {
    const { started, folder } = await setUp()
    const tool = holdfastTape(folder.path)
    const { args } = tool.copy()
    const configFile = args.at(-1) ?? ''
    const kept = folder.at('tape-state', 'catalog')
    mkdirSync(folder.at('tape-state'))
    writeFileSync(kept, '')
    tool.forgetTapes(started.tgtd)
    expect(existsSync(kept)).toBe(false)
    const { targets } = JSON.parse(readFileSync(configFile, 'utf8'))
    const { host, port, target } = started.tgtd
    expect(targets.tape.with).toEqual({
      library: { kind: 'iscsi', host, port, target, changer: 2, drives: [1] },
      pool: 'bench',
      state: folder.at('tape-state'),
      allocation: 'new',
    })
    expect(targets.vault.with).toEqual({ path: tool.repository })
    expect(tool.restore('server').args).toContain('server@latest')
  })
})
