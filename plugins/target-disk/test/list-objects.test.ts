import { describe, expect, it } from 'vitest'
import { bodyOf, call, key, memoryDisk, namesIn, openDisk } from './support/harness.js'
import { watched } from './support/watched-file-system.js'

const stored = ['holdfast.json', 'packs/00/aa', 'packs/00/ab', 'packs/0f/ba', 'packs/ff/ca', 'points/m1/p1', 'pack']

async function diskWithObjects() {
  const { port, vol } = memoryDisk()
  const opened: string[] = []
  const session = await openDisk(
    watched(port, ({ name, path }) => {
      if (name === 'opendir') opened.push(path)
    }),
  )
  for (const name of stored) await session.put(key(name), bodyOf(name), call)
  opened.length = 0
  return { session, vol, opened }
}

describe('list', () => {
  it.each([
    '',
    'p',
    'pack',
    'packs',
    'packs/',
    'packs/0',
    'packs/00/',
    'packs/00/a',
    'packs/00/aa',
    'points/m1/',
    'x',
    'packs/00/aa/',
    'holdfast.json',
  ])('yields exactly what starts with %j', async (prefix) => {
    const { session } = await diskWithObjects()
    expect(await namesIn(session, prefix)).toEqual(stored.filter((name) => name.startsWith(prefix)).sort())
  })

  it('tells what stat tells', async () => {
    const { session } = await diskWithObjects()
    for await (const object of session.list('', call)) expect(object).toEqual(await session.stat(object.key, call))
  })

  it('opens only folders that can hold the prefix, and only as the caller goes on', async () => {
    const { session, opened } = await diskWithObjects()
    await namesIn(session, 'packs/0')
    expect(opened.sort()).toEqual(['/disk/vault/packs', '/disk/vault/packs/00', '/disk/vault/packs/0f'])
    opened.length = 0
    for await (const _ of session.list('packs/', call)) break
    expect(opened).toHaveLength(2)
  })

  it('yields every object of a large folder once', async () => {
    const { session, vol } = await diskWithObjects()
    for (let index = 0; index < 1000; index++) vol.writeFileSync(`/disk/vault/packs/00/n${index}`, 'x')
    const names = await namesIn(session, 'packs/00/n')
    expect(names).toHaveLength(1000)
    expect(new Set(names).size).toBe(1000)
  })

  it('leaves out what is no object: dot-folders, links, odd names', async () => {
    const { session, vol } = await diskWithObjects()
    vol.mkdirSync('/disk/vault/.snapshot/packs', { recursive: true })
    vol.writeFileSync('/disk/vault/.snapshot/packs/old', 'x')
    vol.mkdirSync('/disk/vault/lost+found')
    vol.writeFileSync('/disk/vault/lost+found/x', 'x')
    vol.writeFileSync('/disk/vault/.nfs0001', 'x')
    vol.writeFileSync('/disk/vault/with space', 'x')
    vol.writeFileSync('/disk/vault/packs/%2Eplain%2E', 'x')
    vol.mkdirSync('/elsewhere')
    vol.writeFileSync('/elsewhere/secret', 'x')
    vol.symlinkSync('/elsewhere', '/disk/vault/linked')
    vol.symlinkSync('/elsewhere/secret', '/disk/vault/packs/linked')
    vol.symlinkSync('/disk/vault', '/disk/vault/packs/loop')
    expect(await namesIn(session)).toEqual([...stored].sort())
    expect(await namesIn(session, 'linked/')).toEqual([])
    expect(await namesIn(session, '.snapshot/')).toEqual([])
  })

  it.each(['../', '/', '../../etc/', 'packs/../../', '/disk/', 'packs//', './', '\0/', '.incoming/'])(
    'yields nothing for %j and stays inside',
    async (prefix) => {
      const { session, vol, opened } = await diskWithObjects()
      vol.writeFileSync('/disk/outside', 'x')
      expect(await namesIn(session, prefix)).toEqual([])
      expect(opened.every((path) => path.startsWith('/disk/vault'))).toBe(true)
    },
  )

  it('goes on when objects and folders vanish meanwhile', async () => {
    const { session, vol } = await diskWithObjects()
    const names: string[] = []
    for await (const object of session.list('', call)) {
      if (names.length === 0) vol.rmSync('/disk/vault/points', { recursive: true })
      names.push(object.key)
    }
    expect(names).toEqual(expect.arrayContaining(stored.filter((name) => !name.startsWith('points'))))
  })

  it('stops when aborted', async () => {
    const { session } = await diskWithObjects()
    const controller = new AbortController()
    const walk = async () => {
      for await (const _ of session.list('', { signal: controller.signal })) controller.abort(new Error('enough'))
    }
    await expect(walk()).rejects.toThrow('enough')
  })
})
