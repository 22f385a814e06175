import type { ErrorCode } from '@holdfast/core'
import { describe, expect, it } from 'vitest'
import { bodyOf, call, key, memoryDisk, namesIn, numbered, openDisk, readText, testContext } from './support/harness.js'
import { type Step, systemError, watched } from './support/watched-file-system.js'

/** A disk on which chosen steps fail. */
async function faultyDisk(fails: (step: Step) => string | undefined) {
  const { port, vol } = memoryDisk()
  const context = testContext()
  let armed = false
  const faulty = watched(port, (step) => {
    const errno = armed ? fails(step) : undefined
    if (errno !== undefined) throw systemError(errno)
  })
  const session = await openDisk(faulty, {}, context)
  return {
    session,
    vol,
    port,
    context,
    arm: () => {
      armed = true
    },
    disarm: () => {
      armed = false
    },
  }
}

const temporary = (step: Step) => step.path.endsWith('.part')

const putFaults: readonly [string, ErrorCode, string, (step: Step, nth: number) => boolean][] = [
  ['no room midway', 'E_TARGET_FULL', 'ENOSPC', (step, nth) => step.name === 'write' && nth > 2],
  ['quota used up midway', 'E_TARGET_FULL', 'EDQUOT', (step, nth) => step.name === 'write' && nth > 2],
  ['a limit on file size', 'E_TARGET_IO', 'EFBIG', (step) => step.name === 'write'],
  ['an error at sync', 'E_TARGET_IO', 'EIO', (step) => step.name === 'sync' && temporary(step)],
  ['an error at close', 'E_TARGET_IO', 'EIO', (step) => step.name === 'close' && temporary(step)],
  ['a stale handle', 'E_TARGET_UNAVAILABLE', 'ESTALE', (step) => step.name === 'write'],
  ['a read-only disk', 'E_TARGET_READ_ONLY', 'EROFS', (step) => step.name === 'open' && temporary(step)],
  ['no permission', 'E_TARGET_DENIED', 'EACCES', (step) => step.name === 'open' && temporary(step)],
  [
    'no permission for a folder',
    'E_TARGET_DENIED',
    'EACCES',
    (step) => step.name === 'mkdir' && step.path.endsWith('packs'),
  ],
  ['no room for a folder', 'E_TARGET_FULL', 'ENOSPC', (step) => step.name === 'mkdir' && step.path.endsWith('packs')],
  ['a link that fails', 'E_TARGET_IO', 'EIO', (step) => step.name === 'link'],
  ['too many open files', 'E_TARGET_IO', 'EMFILE', (step) => step.name === 'open'],
]

describe('put on a failing disk', () => {
  it.each(putFaults)('%s: %s, nothing is kept, and a later put succeeds', async (_, code, errno, hits) => {
    let nth = 0
    const disk = await faultyDisk((step) => (hits(step, step.name === 'write' ? ++nth : nth) ? errno : undefined))
    disk.arm()
    const put = disk.session.put(key('packs/one'), bodyOf(...Array.from({ length: 5 }, () => numbered(300_000))), call)
    await expect(put).rejects.toMatchObject({
      code,
      plugin: 'disk',
      operation: 'target.put',
      context: { key: 'packs/one', path: '/disk/vault' },
      cause: { code: errno },
      message: expect.stringContaining(errno),
      hint: expect.stringMatching(/\.$/),
    })
    disk.disarm()
    expect(await namesIn(disk.session)).toEqual([])
    expect(disk.vol.existsSync('/disk/vault/.incoming') ? disk.vol.readdirSync('/disk/vault/.incoming') : []).toEqual(
      [],
    )
    await disk.session.put(key('packs/one'), bodyOf('fine'), call)
    expect(await readText(disk.session, 'packs/one')).toBe('fine')
  })

  it('reports the first error, and logs that its own cleaning up failed', async () => {
    const disk = await faultyDisk((step) => ({ write: 'ENOSPC', unlink: 'EIO' })[step.name as string])
    disk.arm()
    await expect(disk.session.put(key('one'), bodyOf('x'), call)).rejects.toMatchObject({ code: 'E_TARGET_FULL' })
    expect(disk.context.logged).toEqual([expect.stringContaining('could not remove a temporary file')])
    disk.disarm()
    expect(await namesIn(disk.session)).toEqual([])
  })

  it('does not claim that an object is stored when its name could not be synced', async () => {
    const disk = await faultyDisk((step) => (step.name === 'sync' && step.path.endsWith('packs') ? 'EIO' : undefined))
    disk.arm()
    await expect(disk.session.put(key('packs/one'), bodyOf('x'), call)).rejects.toMatchObject({
      code: 'E_TARGET_IO',
      retry: 'transient',
    })
    await expect(disk.session.put(key('packs/one'), bodyOf('x'), call)).rejects.toMatchObject({ code: 'E_TARGET_IO' })
    disk.disarm()
    await expect(disk.session.put(key('packs/one'), bodyOf('x'), call)).rejects.toMatchObject({
      code: 'E_OBJECT_EXISTS',
    })
  })

  it.each(['EINVAL', 'ENOTSUP', 'ENOSYS', 'EBADF'])('stores where folders cannot be synced (%s)', async (errno) => {
    const disk = await faultyDisk((step) => (step.name === 'sync' && !temporary(step) ? errno : undefined))
    disk.arm()
    await disk.session.put(key('packs/one'), bodyOf('x'), call)
    expect(await readText(disk.session, 'packs/one')).toBe('x')
  })

  it('knows its own link when a server has lost the answer and refuses the repetition (NFS)', async () => {
    const { port } = memoryDisk()
    const forgetful = {
      ...port,
      link: async (from: string, to: string) => {
        await port.link(from, to)
        await port.link(from, to)
      },
    }
    const session = await openDisk(forgetful)
    await session.put(key('one'), bodyOf('x'), call)
    await expect(session.put(key('one'), bodyOf('y'), call)).rejects.toMatchObject({ code: 'E_OBJECT_EXISTS' })
    expect(await readText(session, 'one')).toBe('x')
  })

  it('writes on after short writes', async () => {
    const { port } = memoryDisk()
    const stingy = {
      ...port,
      open: async (path: string, flags: number, mode?: number) => {
        const file = await port.open(path, flags, mode)
        const wrapped = watched({ ...port, open: async () => file }, () => undefined)
        const whole = await wrapped.open(path, flags, mode)
        return {
          ...whole,
          write: (buffer: Uint8Array, offset: number, length: number, position: number) =>
            whole.write(buffer, offset, Math.min(length, 100_001), position),
        }
      },
    }
    const session = await openDisk(stingy)
    await session.put(key('one'), bodyOf(numbered(700_000)), call)
    const parts: Buffer[] = []
    for await (const bytes of session.get(key('one'), call)) parts.push(Buffer.from(bytes))
    expect(Buffer.compare(Buffer.concat(parts), numbered(700_000))).toBe(0)
  })
})

describe('a file system without hard links', () => {
  const noLinks = () => faultyDisk((step) => (step.name === 'link' ? 'EPERM' : undefined))

  it('lets exactly one of many writers win, overwriting nothing', async () => {
    const disk = await noLinks()
    disk.arm()
    const results = await Promise.allSettled(
      Array.from({ length: 6 }, (_, index) => disk.session.put(key('one'), bodyOf(`writer ${index}`), call)),
    )
    const winners = results.flatMap((result, index) => (result.status === 'fulfilled' ? [index] : []))
    expect(winners).toHaveLength(1)
    expect(await readText(disk.session, 'one')).toBe(`writer ${winners[0]}`)
    await expect(disk.session.put(key('one'), bodyOf('late'), call)).rejects.toMatchObject({ code: 'E_OBJECT_EXISTS' })
    expect(disk.vol.readdirSync('/disk/vault/.incoming')).toEqual([])
  })

  it('overwrites nothing that came while the body was written', async () => {
    const disk = await noLinks()
    disk.arm()
    async function* slow() {
      yield* bodyOf('slow')
      await disk.session.put(key('one'), bodyOf('fast'), call)
    }
    await expect(disk.session.put(key('one'), slow(), call)).rejects.toMatchObject({ code: 'E_OBJECT_EXISTS' })
    expect(await readText(disk.session, 'one')).toBe('fast')
  })

  it('asks to try again while another writer claims the key, and takes over a claim that a crash left', async () => {
    const disk = await noLinks()
    disk.arm()
    await disk.session.put(key('other'), bodyOf('x'), call)
    let claim = ''
    const crashing = watched(disk.port, (step) => {
      if (step.path.endsWith('.claim')) claim = step.path
      if (step.name === 'link') throw systemError('EPERM')
      if (step.name === 'rename' || (step.name === 'unlink' && step.path === claim)) throw systemError('EIO')
    })
    await expect((await openDisk(crashing)).put(key('one'), bodyOf('1'), call)).rejects.toMatchObject({
      code: 'E_TARGET_IO',
    })
    await expect(disk.session.put(key('one'), bodyOf('2'), call)).rejects.toMatchObject({
      code: 'E_TARGET_IO',
      retry: 'transient',
    })
    disk.vol.utimesSync(claim, new Date(0), new Date(0))
    await disk.session.put(key('one'), bodyOf('3'), call)
    expect(await readText(disk.session, 'one')).toBe('3')
  })
})

describe('other calls on a failing disk', () => {
  it.each([
    ['stat', 'lstat', 'EIO', 'E_TARGET_IO'],
    ['stat', 'lstat', 'EACCES', 'E_TARGET_DENIED'],
    ['remove', 'unlink', 'EROFS', 'E_TARGET_READ_ONLY'],
    ['get', 'read', 'EIO', 'E_TARGET_IO'],
    ['get', 'open', 'EACCES', 'E_TARGET_DENIED'],
    ['list', 'opendir', 'EIO', 'E_TARGET_IO'],
    ['list', 'lstat', 'EIO', 'E_TARGET_IO'],
    ['capacity', 'statfs', 'ETIMEDOUT', 'E_TARGET_UNAVAILABLE'],
  ] as const)('%s reports a failing %s (%s) as %s', async (operation, step, errno, code) => {
    const disk = await faultyDisk(({ name }) => (name === step ? errno : undefined))
    await disk.session.put(key('one'), bodyOf('text'), call)
    disk.arm()
    const calls = {
      stat: () => disk.session.stat(key('one'), call),
      remove: () => disk.session.remove(key('one'), call),
      get: () => readText(disk.session, 'one'),
      list: () => namesIn(disk.session),
      capacity: async () => await disk.session.capacity?.capacity(call),
    }
    await expect(calls[operation]()).rejects.toMatchObject({
      code,
      operation: `target.${operation}`,
      cause: { code: errno },
    })
    disk.disarm()
    expect(await readText(disk.session, 'one')).toBe('text')
  })

  it('notices that the disk was unmounted instead of reading it as empty', async () => {
    const { port, vol } = memoryDisk()
    const session = await openDisk(port)
    await session.put(key('packs/one'), bodyOf('text'), call)
    vol.renameSync('/disk/vault', '/disk/unmounted')
    const gone = { code: 'E_TARGET_UNAVAILABLE', hint: expect.stringContaining('mounted') }
    await expect(session.stat(key('packs/two'), call)).rejects.toMatchObject(gone)
    // The mount point stays as an empty folder.
    vol.mkdirSync('/disk/vault')
    await expect(session.stat(key('packs/one'), call)).rejects.toMatchObject({ code: 'E_TARGET_UNAVAILABLE' })
    await expect(readText(session, 'packs/one')).rejects.toMatchObject({ code: 'E_TARGET_UNAVAILABLE' })
    await expect(namesIn(session)).rejects.toMatchObject({ code: 'E_TARGET_UNAVAILABLE' })
    await expect(session.remove(key('packs/one'), call)).rejects.toMatchObject({ code: 'E_TARGET_UNAVAILABLE' })
    await expect(session.put(key('packs/two'), bodyOf('x'), call)).rejects.toMatchObject({
      code: 'E_TARGET_UNAVAILABLE',
    })
    expect(vol.readdirSync('/disk/vault')).toEqual([])
  })
})
