import { createHash } from 'node:crypto'
import { readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { encryptedConfig, jsonLines, tapesConfig, type Workplace, workplace } from './support/workplace.js'

async function filledPlace(config = tapesConfig): Promise<Workplace> {
  const place = await workplace(config)
  for (const args of [['init'], ['run']]) expect(await place.holdfast(args)).toMatchObject({ exitCode: 0, stderr: '' })
  return place
}

async function takeAway({ folder }: Workplace, media: Readonly<Record<string, string>>): Promise<void> {
  await writeFile(join(folder, 'tapes/away.json'), JSON.stringify(media))
}

async function sha256(path: string): Promise<string> {
  return createHash('sha256')
    .update(await readFile(path))
    .digest('hex')
}

async function result({ holdfast }: Workplace, args: readonly string[]) {
  const { exitCode, stdout } = await holdfast([...args, '--json'])
  return { exitCode, ...Object(jsonLines(stdout).at(-1)) }
}

describe('copies that are scheduled', () => {
  test('a run makes those that are due, the next one of the week none, and plan and doctor tell of them', async () => {
    await using place = await workplace(tapesConfig)
    const { holdfast } = place
    await holdfast(['init'])
    const first = await result(place, ['run'])
    expect(first.exitCode).toBe(0)
    expect(first.pipelines[0].copies).toMatchObject([{ target: 'tapes', status: 'done', skipped: [] }])
    expect(first.pipelines[0].copies[0].copied).toHaveLength(2)
    expect((await holdfast(['run'])).stdout).toContain('tapes: no copy is due')
    expect((await holdfast(['plan'])).stdout).toContain('tapes: none due now, one every week')
    expect((await holdfast(['doctor'])).stdout).toContain('tapes has its copies of this week')
    await rm(join(place.folder, 'tapes'), { recursive: true })
    expect((await holdfast(['plan'])).stdout).toMatch(/copies +tapes: due now: (db, web|web, db)\n/)
    expect((await holdfast(['doctor'])).stdout).toMatch(/warn pipeline nightly: tapes lacks its copy of this week/)
    const [plan] = JSON.parse((await holdfast(['plan', '--json'])).stdout)
    expect(plan.copies[0].due).toHaveLength(2)
  })

  test('one that fails makes the run partial, and the backup itself stands', async () => {
    await using place = await workplace(tapesConfig)
    const { folder, holdfast } = place
    await holdfast(['init'])
    await writeFile(join(folder, 'tapes'), 'no folder')
    const { exitCode, pipelines } = await result(place, ['run'])
    expect([exitCode, pipelines[0].status]).toEqual([3, 'partial'])
    expect(pipelines[0].copies).toMatchObject([{ target: 'tapes', status: 'failed', copied: [] }])
    expect(JSON.parse((await holdfast(['list', '--target', 'vault', '--json'])).stdout)).toHaveLength(2)
  })

  test('sets are kept for as long as the pipeline or --keep says', async () => {
    await using place = await filledPlace()
    const { folder, holdfast } = place
    const days = async (set: string) => {
      const { createdAt, keepUntil } = JSON.parse(await readFile(join(folder, `tapes/${set}.json`), 'utf8'))
      return Math.round((Date.parse(keepUntil) - Date.parse(createdAt)) / 86_400_000)
    }
    expect(await days('set-1')).toBe(91)
    await rm(join(folder, 'tapes'), { recursive: true })
    const copy = ['copy', '--latest', '--from', 'vault', '--to', 'tapes', '--keep', '2w']
    expect(await holdfast(copy)).toMatchObject({ exitCode: 0, stderr: '' })
    expect(await days('set-1')).toBe(14)
  })
})

describe('what is on media', () => {
  test('is listed and shown with them', async () => {
    await using place = await filledPlace()
    const { holdfast } = place
    expect((await holdfast(['list'])).stdout).toMatch(/ tapes +TAPE0001, TAPE0002 +crash/)
    expect((await holdfast(['show', 'db@latest'])).stdout).toMatch(
      /targets: +vault, tapes\nmedia: +tapes: TAPE0001, TAPE0002; set set-1 is kept until 20/,
    )
    const listed = JSON.parse((await holdfast(['list', '--json', '--target', 'tapes'])).stdout)
    expect(listed[0]).toMatchObject({
      target: 'tapes',
      set: { id: 'set-1', media: [{ name: 'TAPE0001', isOnline: true }, {}] },
    })
  })

  test('comes from the copy at hand, and without one from tape, byte for byte', async () => {
    await using place = await filledPlace()
    const { folder } = place
    const points = ['web@latest', 'db@latest']
    const atHand = await result(place, ['restore', ...points, '--to', 'a'])
    expect(atHand.exitCode).toBe(0)
    expect(atHand.restored).toMatchObject([
      { machine: 'web', target: 'vault' },
      { machine: 'db', target: 'vault' },
    ])
    await rm(join(folder, 'vault'), { recursive: true })
    const fromTape = await result(place, ['restore', ...points, '--to', 'b'])
    expect(fromTape.restored).toMatchObject([
      { machine: 'web', target: 'tapes', set: 'set-1', media: [{ isOnline: true }] },
      { machine: 'db', target: 'tapes' },
    ])
    for (const place of ['a', 'b'])
      for (const disk of ['web/root.raw', 'db/root.raw', 'db/data.raw'])
        expect(await sha256(join(folder, place, disk))).toBe(await sha256(join(folder, 'machines', disk)))
  })

  test('that is away is named with its place, and is read last of all copies', async () => {
    await using place = await filledPlace(tapesConfig.replace('./tapes }', './tapes, allocation: new }'))
    const { holdfast, folder } = place
    const copy = ['copy', 'web@latest', '--from', 'vault', '--to', 'tapes']
    expect(await holdfast(copy)).toMatchObject({ exitCode: 0 })
    await rm(join(folder, 'vault'), { recursive: true })
    const restore = (to: string) => holdfast(['restore', 'web@latest', '--to', to])
    expect((await restore('first')).stdout).toContain('on tapes, set set-1 in')
    await takeAway(place, { TAPE0001: 'vault 2' })
    const second = await restore('second')
    expect(second.exitCode).toBe(0)
    expect(second.stdout).toMatch(/web: from tapes, set set-2, needs TAPE0003/)
    expect(second.stdout).toMatch(/other copies: tapes, set set-1 needs TAPE0001 \(at 'vault 2'\)/)
    await takeAway(place, { TAPE0001: 'vault 2', TAPE0003: 'the office' })
    const third = await restore('third')
    expect(third.exitCode).toBe(1)
    expect(third.stderr).toContain("warning: needs TAPE0001, which is at 'vault 2'")
    expect(third.stderr).toContain('[E_MEDIA_NEEDED]')
  })

  test('is planned for without reading it', async () => {
    await using place = await filledPlace()
    const { holdfast } = place
    await takeAway(place, { TAPE0002: 'vault 2' })
    expect((await holdfast(['tape', 'plan', 'db@latest', 'web@latest'])).stdout).toMatch(
      /needs 2 media\n.*medium +objects +where\n +1 +TAPE0001 +1 +online\n +2 +TAPE0002 +1 +at 'vault 2'\n/,
    )
    const [plan] = JSON.parse((await holdfast(['tape', 'plan', 'web@latest', '--json'])).stdout)
    expect(plan).toMatchObject({
      target: 'tapes',
      set: 'set-1',
      points: [{ machine: 'web' }],
      media: [{ name: 'TAPE0001', isOnline: true, objects: 1 }],
    })
    expect(await holdfast(['tape', 'plan', 'web@latest', '--target', 'vault'])).toMatchObject({ exitCode: 2 })
  })

  test('is verified set by set, and one that is damaged is named', async () => {
    await using place = await filledPlace(tapesConfig.replace('./tapes }', './tapes, allocation: new }'))
    const { folder, holdfast } = place
    await holdfast(['copy', '--latest', '--from', 'vault', '--to', 'tapes'])
    expect((await holdfast(['verify', '--target', 'tapes', '--read-data'])).stdout).toMatch(
      /tapes, set set-1: no damage, 2 of 2 points whole.*\ntapes, set set-2: no damage, 2 of 2/,
    )
    for (const name of await readdir(join(folder, 'tapes/set-2')))
      if (name.startsWith('holdfast')) await rm(join(folder, 'tapes/set-2', name))
    const verified = await holdfast(['verify', '--target', 'tapes'])
    expect(verified.exitCode).toBe(3)
    expect(verified.stderr).toContain("Target 'tapes', set 'set-2': The target holds no repository.")
    expect((await holdfast(['list'])).exitCode).toBe(3)
  })

  test('is not pruned, held, repaired or given keys, and each of these says so', async () => {
    await using place = await filledPlace()
    const { holdfast } = place
    expect(await holdfast(['prune'])).toMatchObject({
      exitCode: 0,
      stdout: expect.stringContaining('nothing to prune'),
    })
    expect(await holdfast(['hold', 'web@latest'])).toMatchObject({
      exitCode: 0,
      stdout: expect.stringMatching(/tapes: set set-1 is kept until .*\n.* on vault: held\n/),
    })
    for (const args of [['prune'], ['hold', 'web@latest'], ['repair'], ['key', 'list']])
      expect(await holdfast([...args, '--target', 'tapes']), args.join(' ')).toMatchObject({
        exitCode: 2,
        stderr: expect.stringContaining('[E_UNSUPPORTED]'),
      })
    expect(await holdfast(['diff', 'web@latest', 'db@latest', '--target', 'tapes'])).toMatchObject({ exitCode: 0 })
  })

  test('cannot be kept for a time on a target without sets', async () => {
    await using place = await filledPlace()
    const copy = ['copy', '--all', '--from', 'tapes', '--to', 'vault', '--keep', '1w']
    expect(await place.holdfast(copy)).toMatchObject({ exitCode: 2, stderr: expect.stringContaining('[E_USAGE]') })
  })
})

test('a set that is copied to is encrypted when anything is, and comes back', async () => {
  const config = encryptedConfig.replace(/offsite: .*/, 'tapes: { use: ./sets-target.mjs, with: { path: ./tapes } }')
  await using place = await workplace(config)
  const { folder } = place
  const secret = { MARKER_PASSPHRASE: 'marker-passphrase' }
  const holdfast = (...args: string[]) => place.holdfast(args, secret)
  for (const args of [
    ['init'],
    ['run'],
    ['copy', '--all', '--pipeline', 'nightly', '--from', 'vault', '--to', 'tapes'],
  ])
    expect(await holdfast(...args)).toMatchObject({ exitCode: 0, stderr: '' })
  expect(JSON.parse(await readFile(join(folder, 'tapes/set-1/holdfast.json'), 'utf8'))).toMatchObject({
    encrypted: true,
  })
  expect(await readdir(join(folder, 'tapes/set-1'))).toContain('restore.mjs')
  expect(await holdfast('restore', 'web@latest', '--target', 'tapes', '--to', 'out')).toMatchObject({ exitCode: 0 })
  expect(await sha256(join(folder, 'out/web/root.raw'))).toBe(await sha256(join(folder, 'machines/web/root.raw')))
  // And back to a target of another kind.
  await rm(join(folder, 'vault'), { recursive: true })
  await holdfast('init', '--target', 'vault')
  expect(await holdfast('copy', '--all', '--from', 'tapes', '--to', 'vault')).toMatchObject({ exitCode: 0, stderr: '' })
  expect(await holdfast('verify', '--read-data', '--target', 'vault')).toMatchObject({ exitCode: 0, stderr: '' })
})
