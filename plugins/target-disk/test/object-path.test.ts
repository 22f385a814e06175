import type { ObjectKey } from '@holdfast/core'
import { describe, expect, it } from 'vitest'
import { bodyOf, call, key, memoryDisk, namesIn, openDisk, readText } from './support/harness.js'
import { watched } from './support/watched-file-system.js'

const hostile = [
  '..',
  '../x',
  'a/../../x',
  '/etc/passwd',
  'a//b',
  'a/',
  '',
  '.',
  'a/./b',
  'a\0b',
  'a\\..\\b',
  'a b',
  'ä',
  `${'x'.repeat(201)}`,
  `${'ab/'.repeat(200)}c`,
  '~',
  'C:x',
  '%2E%2E/x',
  'a\nb',
]

describe('a hostile key', () => {
  it.each(hostile)('%j is refused by every call before the disk is touched', async (text) => {
    const { port, vol } = memoryDisk()
    const touched: string[] = []
    const session = await openDisk(watched(port, ({ path }) => void touched.push(path)))
    touched.length = 0
    // A caller without types hands over any string.
    const bad = text as ObjectKey
    const refused = { code: 'E_OBJECT_KEY' }
    await expect(session.put(bad, bodyOf('x'), call)).rejects.toMatchObject(refused)
    await expect(session.stat(bad, call)).rejects.toMatchObject(refused)
    await expect(session.remove(bad, call)).rejects.toMatchObject(refused)
    await expect(session.get(bad, call)[Symbol.asyncIterator]().next()).rejects.toMatchObject(refused)
    expect(touched).toEqual([])
    expect(vol.readdirSync('/disk')).toEqual([])
  })
})

describe('any legal key', () => {
  const odd = [
    '.incoming/x.part',
    '.hidden',
    'a/.b/c',
    'a.',
    '-',
    '_',
    'a'.repeat(200),
    `${'x/'.repeat(255)}yy`,
    'A/b',
    '.x',
  ]

  it.each(odd)('%s is stored, listed and read like any other', async (name) => {
    const { port } = memoryDisk()
    const session = await openDisk(port)
    await session.put(key(name), bodyOf(name), call)
    expect(await namesIn(session)).toEqual([name])
    expect(await namesIn(session, name.slice(0, -1))).toEqual([name])
    expect(await readText(session, name)).toBe(name)
    await session.remove(key(name), call)
    expect(await namesIn(session)).toEqual([])
  })

  it('cannot be stored where it would need an object to be a folder', async () => {
    const { port } = memoryDisk()
    const session = await openDisk(port)
    await session.put(key('a/b'), bodyOf('x'), call)
    await expect(session.put(key('a'), bodyOf('x'), call)).rejects.toMatchObject({ code: 'E_OBJECT_KEY' })
    await expect(session.put(key('a/b/c'), bodyOf('x'), call)).rejects.toMatchObject({ code: 'E_OBJECT_KEY' })
    expect(await namesIn(session)).toEqual(['a/b'])
  })
})

describe('a symbolic link planted in the folder', () => {
  it('leads no call outside', async () => {
    const { port, vol } = memoryDisk()
    vol.mkdirSync('/outside')
    vol.writeFileSync('/outside/secret', 'secret')
    vol.mkdirSync('/disk/vault')
    const session = await openDisk(port)
    vol.symlinkSync('/outside', '/disk/vault/packs')
    vol.symlinkSync('/outside/secret', '/disk/vault/secret')
    await expect(readText(session, 'packs/secret')).rejects.toMatchObject({ code: 'E_OBJECT_NOT_FOUND' })
    await expect(readText(session, 'secret')).rejects.toMatchObject({ code: 'E_OBJECT_NOT_FOUND' })
    expect(await session.stat(key('packs/secret'), call)).toBeUndefined()
    expect(await session.stat(key('secret'), call)).toBeUndefined()
    await session.remove(key('packs/secret'), call)
    await session.remove(key('secret'), call)
    await expect(session.put(key('packs/new'), bodyOf('x'), call)).rejects.toMatchObject({ code: 'E_OBJECT_KEY' })
    expect(vol.readdirSync('/outside')).toEqual(['secret'])
    expect(vol.readFileSync('/outside/secret', 'utf8')).toBe('secret')
  })
})
