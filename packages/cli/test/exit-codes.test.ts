import { spawnSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { encryptedConfig, environmentOf, jsonLines, program, workplace } from './support/workplace.js'

const passphrase = { MARKER_PASSPHRASE: 'marker-passphrase' }

describe('the way of a backup', () => {
  test('init, plan, run, list, verify, restore and prune end with 0, and the disks come back byte for byte', async () => {
    await using place = await workplace()
    const { folder, holdfast } = place
    for (const args of [
      ['init'],
      ['init'],
      ['plan'],
      ['run'],
      ['run', 'nightly'],
      ['verify', '--read-data'],
      ['doctor'],
    ]) {
      expect(await holdfast(args), args.join(' ')).toMatchObject({ exitCode: 0, stderr: '' })
    }
    const listed = JSON.parse((await holdfast(['list', '--target', 'vault', '--json'])).stdout)
    expect(listed).toHaveLength(4)
    const [web] = listed.filter(({ machine }: { machine: string }) => machine === 'web')
    expect(await holdfast(['restore', web.id, '--to', 'by-id'])).toMatchObject({ exitCode: 0, stderr: '' })
    expect(await holdfast(['restore', 'db@latest', '--to', 'out', '--name', 'db-copy'])).toMatchObject({ exitCode: 0 })
    expect(await sha256(join(folder, 'by-id/web/root.raw'))).toBe(await sha256(join(folder, 'machines/web/root.raw')))
    for (const disk of ['root.raw', 'data.raw']) {
      expect(await sha256(join(folder, 'out/db-copy', disk))).toBe(await sha256(join(folder, 'machines/db', disk)))
    }
    expect(await holdfast(['restore', 'db@latest', '--to', 'one', '--disk', 'data'])).toMatchObject({ exitCode: 0 })
    expect((await readdir(join(folder, 'one/db'))).sort()).toEqual(['data.raw', 'machine.json'])

    const before = await readdir(join(folder, 'vault/points'), { recursive: true })
    expect(await holdfast(['prune', '--dry-run'])).toMatchObject({ exitCode: 0 })
    expect(await readdir(join(folder, 'vault/points'), { recursive: true })).toEqual(before)
    expect(await holdfast(['prune'])).toMatchObject({ exitCode: 0 })
    expect(JSON.parse((await holdfast(['list', '--json'])).stdout)).toHaveLength(2)
  })

  test.each(['blake3', 'sha-256'])(
    'init --hash %s makes a repository of that hash, and leaves it at that',
    async (hash) => {
      await using place = await workplace()
      const hashOf = async () => JSON.parse(await readFile(join(place.folder, 'vault/holdfast.json'), 'utf8')).chunkHash
      expect(await place.holdfast(['init', '--hash', hash])).toMatchObject({ exitCode: 0, stderr: '' })
      expect(await hashOf()).toBe(hash)
      expect(await place.holdfast(['run'])).toMatchObject({ exitCode: 0, stderr: '' })
      expect(await place.holdfast(['verify', '--read-data'])).toMatchObject({ exitCode: 0, stderr: '' })
      for (const other of ['blake3', 'sha-256']) {
        expect(await place.holdfast(['init', '--hash', other])).toMatchObject({ exitCode: 0, stderr: '' })
      }
      expect(await hashOf()).toBe(hash)
    },
  )

  test('a held point outlives prune until it is released', async () => {
    await using place = await workplace()
    const { holdfast } = place
    await holdfast(['init'])
    await holdfast(['run'])
    const [{ id }] = JSON.parse((await holdfast(['list', '--machine', 'web', '--json'])).stdout)
    expect(await holdfast(['hold', id])).toMatchObject({ exitCode: 0 })
    await holdfast(['run'])
    await holdfast(['prune'])
    const ids = async () =>
      JSON.parse((await holdfast(['list', '--json'])).stdout).map((point: { id: string }) => point.id)
    expect(await ids()).toContain(id)
    expect(await holdfast(['hold', id, '--release'])).toMatchObject({ exitCode: 0 })
    await holdfast(['prune'])
    expect(await ids()).not.toContain(id)
  })

  test('copy, diff, repair and keys end with 0 on encrypted targets', async () => {
    await using place = await workplace(encryptedConfig)
    const { folder } = place
    const holdfast = (...args: string[]) =>
      place.holdfast(args, { ...passphrase, SECOND_PASSPHRASE: 'second-passphrase' })
    expect(await holdfast('init')).toMatchObject({ exitCode: 0, stderr: '' })
    expect((await holdfast('list')).stdout).toBe('No recovery points.\n')
    await holdfast('run')
    await writeAt(join(folder, 'machines/web/root.raw'), 300_000)
    await holdfast('run')
    const points = JSON.parse((await holdfast('list', '--machine', 'web', '--json')).stdout)
    const [first, second] = points
    const difference = JSON.parse((await holdfast('diff', first.id, second.id, '--json')).stdout)
    expect(difference).toMatchObject({ target: 'vault', before: first.id, after: second.id, machine: 'web' })
    expect(difference.disks).toHaveLength(1)
    expect(difference.disks[0]).toMatchObject({ disk: 'root', change: 'changed' })
    expect(difference.disks[0].changedBytes).toBeLessThan(2 * 2 ** 20)

    expect(await holdfast('copy', '--all', '--from', 'vault', '--to', 'offsite')).toMatchObject({
      exitCode: 0,
      stderr: '',
    })
    const [again] = jsonLines((await holdfast('copy', '--all', '--from', 'vault', '--to', 'offsite', '--json')).stdout)
    expect(again).toMatchObject({ type: 'result', command: 'copy', copied: [] })

    const [pack] = (await readdir(join(folder, 'vault/packs'), { recursive: true, withFileTypes: true })).filter(
      (entry) => entry.isFile(),
    )
    await rm(join(pack!.parentPath, pack!.name))
    const verified = await holdfast('verify', '--target', 'vault')
    expect(verified).toMatchObject({ exitCode: 1 })
    expect(verified.stderr).toMatch(/\[E_DAMAGED\]\n {2}at: object packs\/.*machines (db web|web db|web|db)/)
    expect(await holdfast('repair', '--target', 'vault', '--from', 'offsite')).toMatchObject({ exitCode: 0 })
    expect(await holdfast('verify', '--read-data', '--target', 'vault')).toMatchObject({ exitCode: 0 })

    const add = ['key', 'add', '--target', 'vault', '--label', 'second', '--passphrase-env', 'SECOND_PASSPHRASE']
    expect(await holdfast(...add)).toMatchObject({ exitCode: 0 })
    const asSecond = { MARKER_PASSPHRASE: 'second-passphrase' }
    expect(await place.holdfast(['list', '--target', 'vault'], asSecond)).toMatchObject({ exitCode: 0 })
    expect(await holdfast('key', 'rotate', '--target', 'vault')).toMatchObject({ exitCode: 0 })
    expect(await holdfast('key', 'revoke', 'second', '--target', 'vault')).toMatchObject({ exitCode: 0 })
    const { exitCode, stderr } = await place.holdfast(['list', '--target', 'vault'], asSecond)
    expect({ exitCode, wrong: stderr.includes('[E_KEY_WRONG]') }).toEqual({ exitCode: 1, wrong: true })
    expect(await holdfast('restore', 'web@latest', '--to', 'out')).toMatchObject({ exitCode: 0, stderr: '' })
    expect(await sha256(join(folder, 'out/web/root.raw'))).toBe(await sha256(join(folder, 'machines/web/root.raw')))
  }, 60_000)
})

describe('the exit code', () => {
  test('is 1 for a target without a repository, with the remedy', async () => {
    await using place = await workplace()
    const { exitCode, stdout, stderr } = await place.holdfast(['run'])
    expect({ exitCode, stdout }).toEqual({ exitCode: 1, stdout: '' })
    expect(stderr).toMatch(/\[E_REPOSITORY_NOT_FOUND\].*try: .*holdfast init/s)
    expect(await place.holdfast(['plan'])).toMatchObject({ exitCode: 1 })
  })

  test('is 1 for the wrong passphrase and 2 for one that is not there', async () => {
    await using place = await workplace(encryptedConfig)
    expect(await place.holdfast(['init'])).toMatchObject({ exitCode: 2 })
    expect(await place.holdfast(['init', '--target', 'vault'])).toMatchObject({ exitCode: 2 })
    expect(await place.holdfast(['init'], passphrase)).toMatchObject({ exitCode: 0 })
    const wrong = await place.holdfast(['run'], { MARKER_PASSPHRASE: 'another' })
    expect(wrong.stderr).toContain('[E_KEY_WRONG]')
    expect(wrong.exitCode).toBe(1)
  })

  test('is 1 when a restore would overwrite', async () => {
    await using place = await workplace()
    await place.holdfast(['init'])
    await place.holdfast(['run'])
    expect(await place.holdfast(['restore', 'web@latest', '--to', 'machines'])).toMatchObject({ exitCode: 1 })
  })

  test('is 3 when a disk cannot be captured, and the rest is stored', async () => {
    await using place = await workplace()
    const disks = [
      { id: 'root', file: 'root.raw' },
      { id: 'gone', file: 'gone.raw' },
    ]
    await writeFile(join(place.folder, 'machines/web/machine.json'), JSON.stringify({ disks }))
    await place.holdfast(['init'])
    const { exitCode, stdout } = await place.holdfast(['run'])
    expect(exitCode).toBe(3)
    expect(stdout).toMatch(/web\/gone: not backed up: /)
    const restored = await place.holdfast(['restore', 'web@latest', '--to', 'out'])
    expect(restored).toMatchObject({ exitCode: 0 })
    expect(restored.stderr).toMatch(/warning: gone is not in this point/)
  })

  test('is 3 when one machine of two is not described well, and names it on stderr', async () => {
    await using place = await workplace()
    await place.holdfast(['init'])
    await writeFile(join(place.folder, 'machines/web/machine.json'), '{ "disks": 7 }')
    const { exitCode, stderr } = await place.holdfast(['run'])
    expect({ exitCode, named: /at: machine web/.test(stderr) }).toEqual({ exitCode: 3, named: true })
  })

  test('is 2 in a working folder that is gone', () => {
    const script = `mkdir gone && cd gone && rmdir ../gone && exec "$0" "$1" list`
    const { status, stderr } = spawnSync('sh', ['-c', script, process.execPath, program], {
      cwd: tmpdir(),
      env: environmentOf(),
      encoding: 'utf8',
    })
    expect({ status, stderr }).toEqual({ status: 2, stderr: expect.stringContaining('The working folder is gone.') })
  })

  test('of a plan is that of the run: 2 for a secret that is not there', async () => {
    await using place = await workplace(encryptedConfig)
    await place.holdfast(['init'], passphrase)
    for (const command of ['plan', 'run']) {
      const { exitCode, stdout, stderr } = await place.holdfast([command])
      const named = `${stdout}${stderr}`.includes('MARKER_PASSPHRASE is not set')
      expect({ command, exitCode, named }).toEqual({ command, exitCode: 2, named: true })
    }
  })

  test('is 0 for help and version', async () => {
    await using place = await workplace()
    for (const args of [['--help'], ['help', 'restore'], ['run', '-h'], ['--version'], ['key', 'add', '--help']]) {
      const { exitCode, stdout, stderr } = await place.holdfast(args)
      expect({ args, exitCode, said: stdout !== '', stderr }).toEqual({ args, exitCode: 0, said: true, stderr: '' })
    }
  })

  test('is 2 without a command, after the help', async () => {
    await using place = await workplace()
    const { exitCode, stderr } = await place.holdfast([])
    expect({ exitCode, helped: stderr.startsWith('Usage: holdfast') }).toEqual({ exitCode: 2, helped: true })
  })
})

async function sha256(path: string): Promise<string> {
  return createHash('sha256')
    .update(await readFile(path))
    .digest('hex')
}

async function writeAt(path: string, offset: number): Promise<void> {
  const bytes = await readFile(path)
  bytes.fill('changed', offset, offset + 100)
  await writeFile(path, bytes)
}
