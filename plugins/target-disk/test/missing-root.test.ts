import { describe, expect, it } from 'vitest'
import { bodyOf, call, key, memoryDisk, namesIn, openDisk, readText } from './support/harness.js'
import { type Step, systemError, watched } from './support/watched-file-system.js'

const unavailable = { code: 'E_TARGET_UNAVAILABLE', hint: expect.stringContaining('ounted') }

/** A target whose folder is missing while its parent, `/disk`, is there. */
async function targetWithoutFolder() {
  const { port, vol } = memoryDisk()
  const steps: Step[] = []
  const session = await openDisk(
    watched(port, (step) => void steps.push(step)),
    { path: './vault' },
  )
  return { session, steps, port, vol }
}

describe('a target whose folder is missing', () => {
  it('reads as empty, and reading it makes nothing', async () => {
    const { session, port, vol } = await targetWithoutFolder()
    expect(await namesIn(session)).toEqual([])
    expect(await namesIn(session, 'packs/')).toEqual([])
    expect(await session.stat(key('packs/one'), call)).toBeUndefined()
    await expect(readText(session, 'packs/one')).rejects.toMatchObject({ code: 'E_OBJECT_NOT_FOUND' })
    await session.remove(key('packs/one'), call)
    const { bsize, blocks } = await port.statfs('/disk')
    expect(await session.capacity?.capacity(call)).toMatchObject({ totalBytes: bsize * blocks })
    await session[Symbol.asyncDispose]()
    expect(vol.readdirSync('/disk')).toEqual([])
  })

  it('is made by the first put, its name synced before anything is written in it', async () => {
    const { session, steps, vol } = await targetWithoutFolder()
    await session.put(key('packs/one'), bodyOf('text'), call)
    const order = steps
      .filter(({ name }) => ['mkdir', 'sync', 'write'].includes(name))
      .map(({ name, path }) => [name, path])
    expect(order.slice(0, 3)).toEqual([
      ['mkdir', '/disk/vault'],
      ['sync', '/disk'],
      ['mkdir', '/disk/vault/.incoming'],
    ])
    expect(vol.statSync('/disk/vault').mode & 0o777).toBe(0o700)
    expect(await readText(session, 'packs/one')).toBe('text')
  })

  it.each([
    ['a lock', { ...call, retainUntil: new Date() }],
    ['an abort', { signal: AbortSignal.abort(new Error('no')) }],
  ])('is not made by a put that is refused for %s', async (_, options) => {
    const { session, vol } = await targetWithoutFolder()
    await expect(session.put(key('one'), bodyOf('x'), options)).rejects.toThrow()
    expect(vol.readdirSync('/disk')).toEqual([])
  })

  it('is made once by many first puts, also of several sessions', async () => {
    const { session, port } = await targetWithoutFolder()
    const other = await openDisk(port)
    const puts = Array.from({ length: 6 }, (_, index) =>
      (index % 2 === 0 ? session : other).put(key(`packs/${index}`), bodyOf('x'), call),
    )
    await Promise.all(puts)
    expect(await namesIn(session)).toHaveLength(6)
    expect(await namesIn(other)).toHaveLength(6)
  })

  it('shows what another session stores in it', async () => {
    const { session, port } = await targetWithoutFolder()
    expect(await namesIn(session)).toEqual([])
    await (await openDisk(port)).put(key('packs/one'), bodyOf('text'), call)
    expect(await namesIn(session, 'packs/')).toEqual(['packs/one'])
    expect(await readText(session, 'packs/one')).toBe('text')
    expect(await session.stat(key('packs/one'), call)).toMatchObject({ sizeBytes: 4 })
  })

  it.each(['stat', 'put', 'capacity'] as const)('once %s has seen it, may no longer vanish', async (first) => {
    const { session, port, vol } = await targetWithoutFolder()
    await (await openDisk(port)).put(key('one'), bodyOf('text'), call)
    if (first === 'stat') await session.stat(key('one'), call)
    if (first === 'put') await session.put(key('two'), bodyOf('text'), call)
    if (first === 'capacity') await session.capacity?.capacity(call)
    vol.renameSync('/disk/vault', '/disk/unmounted')
    await expect(namesIn(session)).rejects.toMatchObject(unavailable)
    await expect(session.stat(key('one'), call)).rejects.toMatchObject(unavailable)
    await expect(session.capacity?.capacity(call)).rejects.toMatchObject(unavailable)
    await expect(session.put(key('three'), bodyOf('x'), call)).rejects.toMatchObject(unavailable)
    expect(vol.readdirSync('/disk')).toEqual(['unmounted'])
  })

  it('is not made on another disk than the one that was there at first', async () => {
    const { session, vol } = await targetWithoutFolder()
    vol.renameSync('/disk', '/elsewhere')
    await expect(namesIn(session)).rejects.toMatchObject(unavailable)
    vol.mkdirSync('/disk')
    await expect(namesIn(session)).rejects.toMatchObject(unavailable)
    await expect(session.put(key('one'), bodyOf('x'), call)).rejects.toMatchObject(unavailable)
    await expect(session.capacity?.capacity(call)).rejects.toMatchObject(unavailable)
    expect(vol.readdirSync('/disk')).toEqual([])
  })

  it('refuses to store below a file that came in its place', async () => {
    const { session, vol } = await targetWithoutFolder()
    vol.writeFileSync('/disk/vault', 'x')
    expect(await namesIn(session)).toEqual([])
    await expect(session.put(key('one'), bodyOf('x'), call)).rejects.toMatchObject({ code: 'E_CONFIG' })
  })

  it.each([
    ['EROFS', 'E_TARGET_READ_ONLY'],
    ['EACCES', 'E_TARGET_DENIED'],
    ['ENOSPC', 'E_TARGET_FULL'],
  ] as const)('that cannot be made (%s) is reported by put as %s', async (errno, code) => {
    const { port } = memoryDisk()
    const faulty = watched(port, ({ name }) => {
      if (name === 'mkdir') throw systemError(errno)
    })
    const session = await openDisk(faulty)
    await expect(session.put(key('one'), bodyOf('x'), call)).rejects.toMatchObject({ code, operation: 'target.put' })
  })
})
