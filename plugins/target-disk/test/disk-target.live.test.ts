import { fork, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { chmod, lstat, mkdir, readdir, readFile, utimes, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { mountTmpfs, skipsUnless, skipsWithoutTmpfs, tempFolder } from 'holdfast-lab'
import { describe, expect, it, onTestFinished } from 'vitest'
import { nodeFileSystem } from '../src/file-system.js'
import { diskTarget } from '../src/index.js'
import { bodyOf, call, key, namesIn, numbered, readAll, readText, testContext } from './support/harness.js'
import { watched } from './support/watched-file-system.js'

const itOnTmpfs = it.skipIf(skipsWithoutTmpfs())
const openReal = (path: string) => diskTarget({ path }).open(testContext())

describe('on a real disk', () => {
  it('stores, reads, lists and removes', async () => {
    const session = await openReal(tempFolder(onTestFinished).at('vault'))
    const bytes = numbered(20_000_000)
    const shared = new Uint8Array(new SharedArrayBuffer(bytes.length))
    shared.set(bytes)
    await session.put(key('packs/ab/one'), bodyOf(shared), { ...call, sizeBytes: bytes.length })
    expect(Buffer.compare(await readAll(session, 'packs/ab/one'), bytes)).toBe(0)
    expect(
      Buffer.compare(
        await readAll(session, 'packs/ab/one', { offset: 12_345_678, length: 1_500_000 }),
        bytes.subarray(12_345_678, 13_845_678),
      ),
    ).toBe(0)
    expect(await namesIn(session)).toEqual(['packs/ab/one'])
    await session.remove(key('packs/ab/one'), call)
    expect(await namesIn(session)).toEqual([])
    const room = await session.capacity?.capacity(call)
    expect(room?.freeBytes).toBeGreaterThan(0)
  })

  it('locks down what it makes, whatever the umask allows', async () => {
    const path = tempFolder(onTestFinished).at('vault')
    const mask = process.umask(0)
    try {
      await (await openReal(path)).put(key('packs/one'), bodyOf('x'), call)
    } finally {
      process.umask(mask)
    }
    const modes = await Promise.all(
      ['', 'packs', 'packs/one'].map(async (name) => ((await lstat(join(path, name))).mode & 0o777).toString(8)),
    )
    expect(modes).toEqual(['700', '700', '600'])
  })

  it('gives the modes asked for, whatever the umask takes', async () => {
    const path = tempFolder(onTestFinished).at('vault')
    const mask = process.umask(0o077)
    try {
      const session = await diskTarget({ path, fileMode: '0640', folderMode: '0750' }).open(testContext())
      await session.put(key('packs/one'), bodyOf('x'), call)
    } finally {
      process.umask(mask)
    }
    const modes = await Promise.all(
      ['', 'packs', 'packs/one'].map(async (name) => ((await lstat(join(path, name))).mode & 0o777).toString(8)),
    )
    expect(modes).toEqual(['750', '750', '640'])
  })

  it('really syncs the file and each folder on the way up', async () => {
    const path = tempFolder(onTestFinished).at('vault')
    const synced: string[] = []
    const fs = watched(nodeFileSystem, ({ name, path: at }) => {
      if (name === 'sync') synced.push(at)
    })
    const session = await diskTarget({ path }, fs).open(testContext())
    await session.put(key('a/b/one'), bodyOf('x'), call)
    expect(synced.filter((at) => at.endsWith('.part'))).toHaveLength(1)
    expect(synced).toEqual(expect.arrayContaining([path, join(path, 'a'), join(path, 'a/b')]))
  })

  it('removes temporary files that are a day old, and only those', async () => {
    const path = tempFolder(onTestFinished).path
    const incoming = join(path, '.incoming')
    await mkdir(incoming)
    for (const name of ['00aa-1.part', '00bb-1.part', 'notes.txt']) await writeFile(join(incoming, name), 'x')
    const old = new Date(Date.now() - 25 * 60 * 60 * 1000)
    for (const name of ['00aa-1.part', 'notes.txt']) await utimes(join(incoming, name), old, old)
    await openReal(path)
    expect((await readdir(incoming)).sort()).toEqual(['00bb-1.part', 'notes.txt'])
  })

  it('does not wait for ever on a FIFO that stands in the place of an object', async () => {
    const path = tempFolder(onTestFinished).path
    expect(spawnSync('mkfifo', [join(path, 'pipe')]).status).toBe(0)
    const session = await openReal(path)
    await expect(readText(session, 'pipe')).rejects.toMatchObject({ code: 'E_OBJECT_NOT_FOUND' })
    expect(await namesIn(session)).toEqual([])
  })

  it('lets one of two processes win each key, whole', async () => {
    const path = tempFolder(onTestFinished).path
    const rounds = 30
    const script = join(import.meta.dirname, 'support/racing-writer.mjs')
    const writers = ['a', 'b'].map((name) => fork(script, [path, name, String(rounds)], { execArgv: [] }))
    await Promise.all(writers.map((writer) => once(writer, 'message')))
    for (let round = 0; round < rounds; round++) {
      const answers = writers.map((writer) => once(writer, 'message'))
      for (const writer of writers) writer.send(round)
      const results = (await Promise.all(answers)).map(([answer]) => String(answer))
      expect([...results].sort()).toEqual(['E_OBJECT_EXISTS', 'won'])
      const winner = results[0] === 'won' ? 'a' : 'b'
      expect(await readFile(join(path, `race/${round}`), 'utf8')).toBe(winner.repeat(100_000))
    }
    expect(await readdir(join(path, '.incoming'))).toEqual([])
  })
})

describe('on a disk that runs full', () => {
  itOnTmpfs(
    'reports it, keeps what was stored, leaves nothing half done, and goes on when there is room again',
    async () => {
      using mount = mountTmpfs(tempFolder(onTestFinished).at('mount'), '4m')
      const point = mount.path
      const session = await openReal(join(point, 'vault'))
      await session.put(key('packs/one'), bodyOf(numbered(2_000_000)), call)
      await expect(
        session.put(key('packs/two'), bodyOf(...Array.from({ length: 8 }, () => numbered(500_000))), call),
      ).rejects.toMatchObject({
        code: 'E_TARGET_FULL',
        retry: 'never',
        cause: { code: 'ENOSPC' },
      })
      expect(await namesIn(session)).toEqual(['packs/one'])
      expect(await readdir(join(point, 'vault/.incoming'))).toEqual([])
      expect(Buffer.compare(await readAll(session, 'packs/one'), numbered(2_000_000))).toBe(0)
      await session.remove(key('packs/one'), call)
      await session.put(key('packs/two'), bodyOf(numbered(3_000_000)), call)
      expect(await namesIn(session)).toEqual(['packs/two'])
    },
  )
})

describe('on a read-only disk', () => {
  itOnTmpfs('reads everything and refuses to write, naming the reason', async () => {
    using mount = mountTmpfs(tempFolder(onTestFinished).at('mount'), '4m')
    const point = mount.path
    await (await openReal(point)).put(key('packs/one'), bodyOf('text'), call)
    await utimes(join(point, '.incoming'), 0, 0)
    await writeFile(join(point, '.incoming/00aa-1.part'), 'x')
    await utimes(join(point, '.incoming/00aa-1.part'), 0, 0)
    mount.remount('ro')
    const session = await openReal(point)
    expect(await readText(session, 'packs/one')).toBe('text')
    expect(await namesIn(session)).toEqual(['packs/one'])
    const refused = { code: 'E_TARGET_READ_ONLY', cause: { code: 'EROFS' } }
    await expect(session.put(key('packs/two'), bodyOf('x'), call)).rejects.toMatchObject(refused)
    await expect(session.remove(key('packs/one'), call)).rejects.toMatchObject(refused)
    await expect(session.put(key('packs/one'), bodyOf('x'), call)).rejects.toMatchObject({ code: 'E_OBJECT_EXISTS' })
  })
})

describe('in a folder without permission', () => {
  it('reports it as denied', async ({ skip }) => {
    if (process.getuid?.() === 0) {
      // Root may write everywhere but where the file system says that nothing changes.
      const path = tempFolder(onTestFinished).path
      const isImmutable = spawnSync('chattr', ['+i', path]).status === 0
      if (skipsUnless(isImmutable, 'chattr +i is not possible here')) return skip()
      try {
        const session = await openReal(path)
        await expect(session.put(key('one'), bodyOf('x'), call)).rejects.toMatchObject({ code: 'E_TARGET_DENIED' })
      } finally {
        spawnSync('chattr', ['-i', path])
      }
      return
    }
    const path = tempFolder(onTestFinished).path
    await chmod(path, 0o500)
    await expect((await openReal(path)).put(key('one'), bodyOf('x'), call)).rejects.toMatchObject({
      code: 'E_TARGET_DENIED',
    })
    await chmod(path, 0o700)
  })
})
