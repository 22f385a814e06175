import { describe, expect, it } from 'vitest'
import type { FileSystem } from '../src/index.js'
import { bodyOf, call, key, namesIn, openDisk, readText, testContext } from './support/harness.js'
import { forgetfulDisk } from './support/power-cut.js'

const text = 'the whole object'
const name = 'packs/ab/object'

async function putAndCount(cutAfter?: number) {
  const disk = forgetfulDisk()
  const session = await openDisk(disk.port)
  const before = disk.stepsTaken()
  if (cutAfter !== undefined) disk.cutAfter(cutAfter)
  const stored = await session.put(key(name), bodyOf('the whole ', 'object'), call).then(
    () => true,
    () => false,
  )
  return { disk, stored, steps: disk.stepsTaken() - before }
}

async function diskWhereTheWinnerDiedBeforeItsSync() {
  for (let step = 0; step < 100; step++) {
    const { disk, stored } = await putAndCount(step)
    expect(stored).toBe(false)
    disk.cutAfter(Number.POSITIVE_INFINITY)
    if ((await found(disk.afterKill())) === text && (await found(disk.afterPowerCut())) === undefined) return disk
  }
  throw new Error('no step leaves an object whose name is not synced')
}

async function found(port: FileSystem): Promise<string | undefined> {
  const session = await openDisk(port)
  const names = await namesIn(session)
  if (names.length === 0) return undefined
  expect(names).toEqual([name])
  return await readText(session, name)
}

describe('a crash during put', () => {
  it('leaves nothing or the whole object, at every step, after a kill and after a power cut', async () => {
    const { steps } = await putAndCount()
    expect(steps).toBeGreaterThan(15)
    const outcomes = new Set<string>()
    for (let step = 0; step <= steps; step++) {
      const { disk, stored } = await putAndCount(step)
      const afterKill = await found(disk.afterKill())
      const afterCut = await found(disk.afterPowerCut())
      expect([undefined, text], `kill at step ${step}`).toContain(afterKill)
      expect([undefined, text], `power cut at step ${step}`).toContain(afterCut)
      if (stored) expect(afterCut, `stored, then power cut at step ${step}`).toBe(text)
      outcomes.add(`${stored} ${afterKill} ${afterCut}`)
    }
    expect([...outcomes].sort()).toEqual(
      [
        `false ${text} undefined`,
        'false undefined undefined',
        // Between the last sync and the answer.
        `false ${text} ${text}`,
        `true ${text} ${text}`,
      ].sort(),
    )
  })

  it('keeps the object of the loser of a race safe too: E_OBJECT_EXISTS means that the name is on the disk', async () => {
    const disk = await diskWhereTheWinnerDiedBeforeItsSync()
    const loser = await openDisk(disk.port)
    await expect(loser.put(key(name), bodyOf(text), call)).rejects.toMatchObject({ code: 'E_OBJECT_EXISTS' })
    expect(await found(disk.afterPowerCut())).toBe(text)
  })

  it('keeps removed what remove has removed', async () => {
    const { disk } = await putAndCount()
    expect(await found(disk.afterPowerCut())).toBe(text)
    await (await openDisk(disk.port)).remove(key(name), call)
    expect(await found(disk.afterPowerCut())).toBeUndefined()
  })

  it('does not show what a crash left, and removes it when it is a day old', async () => {
    const disk = forgetfulDisk()
    const session = await openDisk(disk.port)
    disk.cutAfter(13)
    await session.put(key(name), bodyOf(text), call).catch(() => undefined)
    const port = disk.afterKill()
    const left = async () => {
      const names: string[] = []
      for await (const entry of await port.opendir('/disk/vault/.incoming')) names.push(entry.name)
      return names
    }
    expect(await left()).toHaveLength(1)
    expect(await namesIn(await openDisk(port))).toEqual([])
    expect(await left()).toHaveLength(1)
    const tomorrow = new Date(Date.now() + 25 * 60 * 60 * 1000)
    await openDisk(port, {}, testContext({ clock: { now: () => tomorrow, sleep: () => Promise.resolve() } }))
    expect(await left()).toEqual([])
  })
})
