import { mkdirSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { run, skipsWithout, takeTapeFiles, tempFolder } from 'holdfast-lab'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { digestsBelow, runScript } from './support/script-repository.js'
import { fourTapeWeeks, machines, type TapeWeeks } from './support/tape-weeks.js'

const call = { signal: new AbortController().signal }

describe.skipIf(skipsWithout('tgt'))('three machines on six cartridges, four weeks long', () => {
  const { path: folder } = tempFolder(afterAll)
  let weeks: TapeWeeks
  beforeAll(async () => {
    weeks = await fourTapeWeeks(folder)
  })
  afterAll(() => weeks?.[Symbol.asyncDispose]())

  const listed = async () => {
    await using opened = await weeks.open()
    const lists = await Promise.all(opened.repositories.map(({ repository }) => repository.points.list(call)))
    return {
      sets: opened.repositories.map(({ set }) => set),
      points: lists.flatMap(({ entries }) => entries.map(({ key, witnessedAt }) => ({ key, witnessedAt }))),
    }
  }

  const expectAllRestored = async () => {
    for (const [week, original] of weeks.originals.entries()) {
      const restored = await weeks.restore(week, join(folder, 'restored'))
      process.stdout.write(
        `week ${week + 1}: needs ${restored.needed.join(', ')}; ${restored.mounts} mounts, ${restored.seeks} seeks\n`,
      )
      expect(restored.digests).toEqual(original)
      expect(restored.needed.length).toBeGreaterThanOrEqual(3)
      expect(restored.mounts).toBe(restored.needed.length)
    }
  }

  it('restores every week straight from tape, and mounts each cartridge that it needs once', expectAllRestored)

  it('has the same list, and restores the same, after its catalog was lost', async () => {
    const before = await listed()
    rmSync(weeks.state, { recursive: true })
    expect((await listed()).points).toEqual([])
    await weeks.rebuild()
    expect(await listed()).toEqual(before)
    await expectAllRestored()
  })

  it('is read with tar and plain Node alone', () => {
    const repository = join(folder, 'repository')
    mkdirSync(repository)
    const tapes = join(folder, 'tapes')
    for (const barcode of weeks.library.barcodes) {
      mkdirSync(tapes)
      const [label, ...files] = takeTapeFiles(join(weeks.library.mediaFolder, barcode), tapes)
      if (label !== undefined) expect(run('tar', '-b', '512', '-xOf', label)).toContain(`barcode: ${barcode}\n`)
      for (const file of files) run('tar', '-b', '512', '-xf', file, '-C', repository)
      rmSync(tapes, { recursive: true })
    }
    const newest = weeks.originals.at(-1)
    for (const machine of machines)
      expect(runScript(repository, ['restore', `${machine}@latest`, join(folder, 'by-hand')])).toMatchObject({
        status: 0,
      })
    const images = Object.entries(digestsBelow(join(folder, 'by-hand'))).filter(([path]) => path.endsWith('.raw'))
    expect(Object.fromEntries(images)).toEqual(newest)
  })
})
